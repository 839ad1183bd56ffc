package dev.jangle.cli.bench;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import dev.jangle.cli.term.Amounts;
import dev.jangle.cli.term.Table;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;

/** A benchmark's report for people. */
public final class BenchText {
  private static final int DEPTHS = 8;

  private BenchText() {}

  /** Lines, each with its line feed. */
  public static String of(BenchReport report) {
    BenchSetup setup = report.setup();
    StringBuilder text = new StringBuilder();
    line(
        text,
        "%s, %s, on %s %s, %d threads: %s",
        setup.model(),
        setup.format(),
        setup.backend(),
        setup.tier(),
        setup.threads(),
        setup.device());
    line(
        text,
        "%s against plain decoding, greedy, at most %d tokens, %s",
        setup.decoding(),
        setup.maxTokens(),
        setup.rounds() == 1 ? "1 round" : "median of " + setup.rounds() + " rounds");
    text.append('\n').append(table(report)).append('\n');
    Summary all = report.all();
    line(text, "identical: %d of %d", report.identical(), all.questions());
    line(text, "prompt: %s tokens/s", number(report.prefillTokensPerSecond(), 1));
    line(
        text,
        "speed-up by total decoding time %sx; with the prompts' time, as Spec-Bench takes it, %sx",
        number(all.totalTimeRatio(), 2),
        number(all.speedupWithPrompt(), 2));
    drafts(text, report);
    StringJoiner times = new StringJoiner("  ");
    for (StepTime time : report.stepTimes()) {
      double ratio = time.millis() / report.stepTimes().getFirst().millis();
      times.add(time.rows() + ": " + number(ratio, 2));
    }
    line(text, "T(m)/T(1)  %s", times);
    if (report.skipped() > 0) {
      line(text, "left out, longer than the context: %d questions", report.skipped());
    }
    return text.toString();
  }

  private static String table(BenchReport report) {
    String fast = report.setup().decoding();
    Table table =
        new Table(
            "task",
            "questions",
            "plain tokens/s",
            fast + " tokens/s",
            "speed-up",
            "acceptance length",
            "repetition");
    report.byTask().forEach((task, summary) -> row(table, task, summary));
    row(table, "all", report.all());
    if (report.looping() > 0) {
      row(table, "without " + report.looping() + " loops", report.withoutLoops());
    }
    String note =
        report.looping() == 0
            ? ""
            : "(a loop: fewer than 0.6 of an answer's 3-grams are distinct)\n";
    return table.render() + note;
  }

  private static void row(Table table, String name, Summary summary) {
    table.row(
        name,
        Integer.toString(summary.questions()),
        number(summary.plainTokensPerSecond(), 1),
        number(summary.tokensPerSecond(), 1),
        number(summary.speedup(), 2) + "x",
        number(summary.meanAcceptanceLength(), 2),
        number(summary.repetition(), 2));
  }

  private static void drafts(StringBuilder text, BenchReport report) {
    long steps = Math.max(1, report.steps());
    line(text, "nodes per step: %s", number((double) report.nodes() / steps, 1));
    StringJoiner depths = new StringJoiner("  ");
    List<Long> accepted = report.acceptedPerDepth();
    for (int i = 0; i < Math.min(DEPTHS, accepted.size()); i++) {
      depths.add(i + 1 + ": " + number((double) accepted.get(i) / steps, 3));
    }
    line(text, "accepted drafts per step by depth   %s", depths.length() == 0 ? "none" : depths);
    StringJoiner sources = new StringJoiner("  ");
    report
        .acceptedBySource()
        .forEach(
            (kind, count) ->
                sources.add(
                    kind.name().toLowerCase(Locale.ROOT)
                        + ": "
                        + number((double) count / steps, 3)));
    line(text, "accepted drafts per step by source  %s", sources);
  }

  private static String number(double value, int decimals) {
    return Amounts.decimal(value, decimals);
  }

  @FormatMethod
  private static void line(StringBuilder text, @FormatString String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
