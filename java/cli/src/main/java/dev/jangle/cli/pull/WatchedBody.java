package dev.jangle.cli.pull;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * An answer's body whose reads fail where no byte comes for a while. Java's HTTP client alone waits
 * for ever on a connection that went silent.
 */
final class WatchedBody extends FilterInputStream {
  private static final ScheduledThreadPoolExecutor ALARMS = alarms();

  private final Duration patience;
  private volatile boolean silent;

  WatchedBody(InputStream body, Duration patience) {
    super(body);
    this.patience = patience;
  }

  private static ScheduledThreadPoolExecutor alarms() {
    ScheduledThreadPoolExecutor alarms =
        new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().daemon().factory());
    alarms.setRemoveOnCancelPolicy(true); // one for each read
    return alarms;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
  }

  @Override
  public int read(byte[] bytes, int from, int count) throws IOException {
    Future<?> alarm = ALARMS.schedule(this::giveUp, patience.toNanos(), TimeUnit.NANOSECONDS);
    try {
      return super.read(bytes, from, count);
    } catch (IOException e) {
      throw silent
          ? new HttpTimeoutException("no byte came for " + patience.toSeconds() + " s")
          : e;
    } finally {
      alarm.cancel(false);
    }
  }

  private Void giveUp() throws IOException {
    silent = true;
    close();
    return null;
  }
}
