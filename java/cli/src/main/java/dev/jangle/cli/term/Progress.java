package dev.jangle.cli.term;

import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * How far something is, on standard error: a bar on a terminal, else a line at each tenth. What is
 * done within two seconds has no lines. Closing it clears the bar; a later update draws it again.
 * One thread.
 */
public final class Progress implements AutoCloseable {
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final Terminal terminal;
  private final String task;
  private final Unit unit;
  private final long start = System.nanoTime();
  private final long quietNanos;
  private ProgressBar bar;
  private long tenths;

  /** What is counted. */
  public enum Unit {
    BYTES,
    ITEMS
  }

  public Progress(Terminal terminal, String task, Unit unit) {
    this(terminal, task, unit, QUIET_NANOS);
  }

  Progress(Terminal terminal, String task, Unit unit, long quietNanos) {
    this.terminal = terminal;
    this.task = task;
    this.unit = unit;
    this.quietNanos = quietNanos;
  }

  /** {@code done} of {@code total}; the total may change. */
  public void update(long done, long total) {
    update(done, total, "");
  }

  /** As {@link #update(long, long)}, with what else is to be said. */
  public void update(long done, long total, String message) {
    if (terminal.errTerminal()) {
      if (bar == null) {
        bar = newBar(total);
      }
      bar.maxHint(total);
      bar.setExtraMessage(message);
      bar.stepTo(done);
    } else if (total > 0 && done * 10 / total > tenths) {
      tenths = done * 10 / total;
      if (System.nanoTime() - start >= quietNanos) {
        String more = message.isEmpty() ? "" : ": " + message;
        terminal.note(task + ": " + tenths * 10 + " % of " + amount(total) + more);
      }
    }
  }

  private String amount(long total) {
    return unit == Unit.BYTES ? Amounts.bytes(total) : Long.toString(total);
  }

  private ProgressBar newBar(long total) {
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(total)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(100)
            .clearDisplayOnFinish()
            .setConsumer(
                new ConsoleProgressBarConsumer(terminal.err(), terminal.size().columns() - 1));
    if (unit == Unit.BYTES) {
      builder.setUnit(" MB", 1_000_000).showSpeed();
    }
    return builder.build();
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
