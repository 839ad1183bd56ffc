package dev.jangle.cli.pull;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.jangle.cli.term.Pipes;
import dev.jangle.cli.term.Terminal;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PullLockTest {
  @TempDir Path folder;
  private final ByteArrayOutputStream notes = new ByteArrayOutputStream();

  private PullLock acquire(String model) throws Exception {
    Terminal terminal = Pipes.of(Map.of(), notes);
    return PullLock.acquire(folder.resolve(model + ".lock"), model, terminal);
  }

  @Test
  void theSecondWaitsForTheFirstAndSaysSoOnce() throws Exception {
    try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
      PullLock first = acquire("a");
      Future<PullLock> second = thread.submit(() -> acquire("a"));
      assertThrows(TimeoutException.class, () -> second.get(500, TimeUnit.MILLISECONDS));
      assertFalse(second.isDone());
      assertEquals(
          "another process is pulling a; waiting for it\n", notes.toString(StandardCharsets.UTF_8));
      first.close();
      second.get().close();
    }
  }

  @Test
  void anotherModelIsFree() throws Exception {
    try (PullLock first = acquire("a");
        PullLock second = acquire("b")) {
      assertEquals("", notes.toString(StandardCharsets.UTF_8));
    }
  }
}
