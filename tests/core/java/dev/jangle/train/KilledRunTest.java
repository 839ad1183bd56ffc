package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.JavaProgram;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kill -9 at random moments: nothing older than the last checkpoint is lost. Ten kills of a program
 * with five runs, since most of the time goes into starting it.
 */
class KilledRunTest {
  private static final int KILLS = 10;

  @TempDir Path folder;

  @Test
  void fiftyKillsChangeNoBit() throws Exception {
    TinyRun tiny = new TinyRun(folder);
    Random random = new Random(42);
    int[] reached = new int[KilledRun.RUNS]; // steps that a checkpoint holds for certain
    for (int kill = 0; kill < KILLS; kill++) {
      Process process = start(tiny);
      try (BufferedReader output = process.inputReader()) {
        // Before the first step, after a few, or while a checkpoint is written.
        read(output, 1 + random.nextInt(60), reached);
        Thread.sleep(0, random.nextInt(1_000_000));
        process.destroyForcibly();
        assertEquals(128 + 9, process.waitFor(), "it ended by itself");
      } finally {
        process.destroyForcibly().waitFor();
      }
    }
    for (int run = 0; run < KilledRun.RUNS; run++) {
      Path whole = folder.resolve("whole" + run);
      Path killed = KilledRun.folder(folder, run);
      assertEquals(KilledRun.STEPS, tiny.run(whole, KilledRun.options(run), 0).size());
      tiny.run(killed, KilledRun.options(run), 0);
      String file = "checkpoint-000200.safetensors";
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(file)), Files.readAllBytes(killed.resolve(file)));
      assertEquals(TinyRun.names(whole), TinyRun.names(killed));
      assertEquals(KilledRun.STEPS, Files.readAllLines(killed.resolve("log.jsonl")).size());
    }
    assertTrue(Arrays.stream(reached).sum() > 50, "the runs came no further");
  }

  /** Reads some lines of the program; a run goes on no earlier than where it surely was. */
  private static void read(BufferedReader output, int lines, int[] reached) throws IOException {
    boolean[] begun = new boolean[KilledRun.RUNS];
    for (int i = 0; i < lines; i++) {
      String line = output.readLine();
      assertNotNull(line, "it ended by itself");
      int run = Integer.parseInt(line.substring(0, line.indexOf(' ')));
      int step = Integer.parseInt(line.substring(line.indexOf(' ') + 1));
      if (!begun[run]) {
        begun[run] = true;
        assertTrue(step >= reached[run], line + ", a checkpoint was at " + reached[run]);
      }
      // A step's line follows the checkpoint of the steps before it.
      reached[run] = Math.max(reached[run], (Math.max(step, 1) - 1) / 4 * 4);
    }
  }

  private Process start(TinyRun tiny) throws IOException {
    List<String> command =
        new ArrayList<>(
            JavaProgram.command(KilledRun.class, List.of("--enable-native-access=ALL-UNNAMED")));
    command.addAll(List.of(tiny.model.toString(), tiny.data.toString(), folder.toString()));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }
}
