package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.DraftKind;
import dev.jangle.GenerationOptions;
import dev.jangle.StopReason;
import dev.jangle.backend.Machine;
import dev.jangle.ffi.EmulationCounts;
import dev.jangle.format.DType;
import java.io.IOException;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** What steps ask of a GPU, as the emulation counts it. */
@EnabledIfSystemProperty(
    named = "jangle.library.cuda",
    matches = ".*cudasim.*",
    disabledReason = "only the emulation of a GPU counts launches")
class StepLaunchesTest {
  /** Of a layer whose matrices have one format, over an F16 cache, without norms of its heads. */
  private static final int KERNELS_OF_A_LAYER = 11;

  /** Kernels, transfers and graphs that the device was asked for, each by itself. */
  private record Counts(long kernels, long transfers, long graphs) {
    Counts minus(Counts other) {
      return new Counts(
          kernels - other.kernels, transfers - other.transfers, graphs - other.graphs);
    }
  }

  /** Trees of another size in each step, now and then with a draft that is accepted. */
  private static final class RandomTrees implements TreePlanner {
    private final Random random = new Random(3);
    private final int vocab;
    private int largest;

    RandomTrees(int vocab) {
      this.vocab = vocab;
    }

    @Override
    public void plan(TokenTree tree, int maxDepth) {
      int drafts = random.nextInt(20);
      for (int i = 0; i < drafts; i++) {
        int node = random.nextInt(tree.size());
        if (tree.depth[node] < maxDepth) {
          tree.add(node, random.nextInt(vocab), DraftKind.JACOBI);
        }
      }
      largest = Math.max(largest, tree.size());
    }

    @Override
    public void observe(StepOutcome outcome) {}

    @Override
    public int topK() {
      return 4;
    }
  }

  @Test
  void aStepIsOneUploadAndOneLaunch() throws IOException {
    try (DecodeRun run =
        new DecodeRun(DecodeRun.fixture("llama2"), Machine.best(1), DType.F16, 300)) {
      for (double temperature : new double[] {0, 1}) {
        GenerationOptions options =
            GenerationOptions.defaults().withMaxTokens(25).withTemperature(temperature);
        RandomTrees trees = new RandomTrees(run.vocabSize());
        Decoder decoder = run.decoder(new int[] {1, 5, 9}, options, Set.of(), history -> trees);
        decoder.prefill(() -> false);
        int steps = 0;
        while (decoder.stopReason() == null) {
          Counts before = counts();
          decoder.step();
          assertEquals(new Counts(0, 1, 1), counts().minus(before), "step " + steps);
          steps++;
        }
        assertTrue(steps >= 12 && trees.largest > 16, steps + " steps, " + trees.largest + " rows");
        run.truncate(0);
      }
    }
  }

  @Test
  void aLayerIsSoManyKernels() throws IOException {
    try (DecodeRun run =
        new DecodeRun(DecodeRun.fixture("llama2"), Machine.best(1), DType.F16, 300)) {
      Decoder decoder =
          run.decoder(
              new int[] {1, 5, 9},
              GenerationOptions.defaults(),
              Set.of(),
              history -> new PlainPlanner());
      Counts before = counts();
      decoder.prefill(() -> false);
      int layers = run.transformer().config().layers();
      // And the embedding, the last norm with the head's product, the choice.
      assertEquals(
          1 + layers * KERNELS_OF_A_LAYER + 2 + 1, counts().minus(before).kernels(), "kernels");
    }
  }

  /** Else its passes would still write to pages that are another sequence's by then. */
  @Test
  void aPromptThatIsLeftHalfwayIsWaitedFor() throws IOException {
    try (DecodeRun run =
        new DecodeRun(DecodeRun.fixture("llama2"), Machine.best(1), DType.F16, 600)) {
      int[] prompt = new int[400]; // two passes
      long before = EmulationCounts.read()[3];
      Decoder decoder = decoder(run, prompt);
      decoder.prefill(() -> run.cached() > 0);
      assertEquals(StopReason.CANCELLED, decoder.stopReason());
      assertEquals(1, EmulationCounts.read()[3] - before, "waits of one that was cancelled");
      run.truncate(0);
      Decoder failing = decoder(run, prompt);
      assertThrows(
          IllegalStateException.class,
          () ->
              failing.prefill(
                  () -> {
                    if (run.cached() > 0) {
                      throw new IllegalStateException("asked once too often");
                    }
                    return false;
                  }));
      assertEquals(2, EmulationCounts.read()[3] - before, "waits of one that failed");
    }
  }

  private static Decoder decoder(DecodeRun run, int[] prompt) {
    return run.decoder(
        prompt, GenerationOptions.defaults(), Set.of(), history -> new PlainPlanner());
  }

  private static Counts counts() {
    long[] counts = EmulationCounts.read();
    return new Counts(counts[0], counts[1], counts[2]);
  }
}
