package dev.jangle.cli.pull;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class WatchedBodyTest {
  /** As the HTTP client's: a read waits, and ends with an exception when another thread closes. */
  private static final class Silence extends InputStream {
    private final CountDownLatch closed = new CountDownLatch(1);

    @Override
    public int read() throws IOException {
      return read(new byte[1], 0, 1);
    }

    @Override
    public int read(byte[] bytes, int from, int count) throws IOException {
      try {
        closed.await();
      } catch (InterruptedException e) {
        throw new InterruptedIOException();
      }
      throw new IOException("closed");
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }

  @Test
  void silenceEndsTheRead() throws IOException {
    try (WatchedBody body = new WatchedBody(new Silence(), Duration.ofSeconds(1))) {
      String message = assertThrows(HttpTimeoutException.class, body::read).getMessage();
      assertEquals("no byte came for 1 s", message);
    }
  }

  @Test
  void whatIsReadLaterIsNoSilence() throws Exception {
    byte[] bytes = {1, (byte) 255, 3};
    try (WatchedBody body =
        new WatchedBody(new ByteArrayInputStream(bytes), Duration.ofMillis(200))) {
      assertEquals(1, body.read());
      Thread.sleep(400);
      assertEquals(255, body.read());
      assertArrayEquals(new byte[] {3}, body.readAllBytes());
      assertEquals(-1, body.read());
    }
  }
}
