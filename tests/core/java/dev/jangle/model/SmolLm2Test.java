package dev.jangle.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.SmolLm2;
import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * SmolLM2-135M-Instruct, where it is on this machine: greedy text against transformers, which ran
 * in float32 on the dequantised weights; see tests/fixtures/smollm2/README.md.
 *
 * <p>System property {@code jangle.test.continuations} names another file of 20 continuations.
 *
 * <p>Each text is fed in one pass, and each of its 64 next tokens compared with the argmax before
 * it. By the promise this is what greedy decoding does, up to its first other token; two texts are
 * also written token by token.
 */
class SmolLm2Test {
  private static final int STEPS = 64;

  /** Float32 logits of this model err by less than half of this; no gap of the file is below. */
  private static final double FLOAT_GAP = 0.004;

  /** No token with a larger gap may differ for rounded activations (measured on AVX2: 0.298). */
  private static final double INT8_GAP = 0.5;

  /** Tokens of the 1,280 that may differ for rounded activations (measured on AVX2: 21). */
  private static final int INT8_DIFFERENCES = 42;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Continuation(int[] prompt, int[] greedy, double[] gaps) {
    static int positions(List<Continuation> all) {
      return all.stream().mapToInt(one -> one.prompt.length + STEPS).max().orElseThrow();
    }

    /** The logits before each of the text's tokens, in one pass. */
    float[][] logits(ModelRun run) {
      int last = prompt.length - 1;
      run.restart();
      for (int from = 0; from < last; from += Workspace.MAX_ROWS) {
        run.append(1, Arrays.copyOfRange(prompt, from, Math.min(from + Workspace.MAX_ROWS, last)));
      }
      int[] input = new int[STEPS];
      input[0] = prompt[last];
      System.arraycopy(greedy, 0, input, 1, STEPS - 1);
      return run.append(STEPS, input);
    }
  }

  private static List<Continuation> continuations() throws IOException {
    String given = System.getProperty("jangle.test.continuations");
    Path file =
        given != null
            ? Path.of(given)
            : Path.of(
                System.getProperty("jangle.root"),
                "tests/core/resources/smollm2/continuations.json");
    JsonNode all = new ObjectMapper().readTree(file.toFile()).get("continuations");
    assertEquals(20, all.size());
    return Stream.iterate(0, i -> i + 1)
        .limit(all.size())
        .map(all::get)
        .map(
            node -> {
              JsonNode gaps = node.get("gaps");
              assertEquals(STEPS, gaps.size());
              return new Continuation(
                  Fixture.ints(node.get("prompt_ids")),
                  Fixture.ints(node.get("greedy_ids")),
                  Stream.iterate(0, i -> i + 1)
                      .limit(STEPS)
                      .mapToDouble(i -> gaps.get(i).asDouble())
                      .toArray());
            })
        .toList();
  }

  /** The model's own next tokens, each after transformers' text so far. */
  private static int[] nextTokens(ModelRun run, Continuation continuation) {
    return Arrays.stream(continuation.logits(run)).mapToInt(Logits::argmax).toArray();
  }

  @Test
  void textIsTransformersUpToRoundedActivations() throws IOException {
    Path model = SmolLm2.fileOrSkip();
    int differences = 0;
    double widest = 0;
    try (Backend backend = Backend.open(BackendKind.CPU, 0, null);
        ModelRun run =
            new ModelRun(model, backend, DType.F32, Continuation.positions(continuations()))) {
      for (Continuation continuation : continuations()) {
        int[] found = nextTokens(run, continuation);
        for (int step = 0; step < STEPS; step++) {
          if (found[step] != continuation.greedy[step]) {
            differences++;
            widest = Math.max(widest, continuation.gaps[step]);
            assertTrue(
                continuation.gaps[step] < INT8_GAP,
                "step %d: token %d, expected %d, by a gap of %s"
                    .formatted(
                        step, found[step], continuation.greedy[step], continuation.gaps[step]));
          }
        }
      }
    }
    System.out.printf(
        "SmolLM2 as it is: %d of %d tokens differ, the widest gap is %.3f%n",
        differences, 20 * STEPS, widest);
    assertTrue(differences <= INT8_DIFFERENCES, differences + " tokens differ");
  }

  @Test
  void decodingTokenByTokenWritesTheSame() throws IOException {
    Path model = SmolLm2.fileOrSkip();
    try (Backend backend = Backend.open(BackendKind.CPU, 0, null);
        ModelRun run =
            new ModelRun(model, backend, DType.F16, Continuation.positions(continuations()))) {
      for (Continuation continuation : continuations().subList(0, 2)) {
        int[] text = new int[STEPS];
        run.restart();
        float[] logits = run.append(1, continuation.prompt)[0];
        float[][] each = new float[STEPS][];
        for (int step = 0; step < STEPS; step++) {
          each[step] = logits;
          text[step] = Logits.argmax(logits);
          logits = run.append(1, text[step])[0];
        }
        Continuation own = new Continuation(continuation.prompt, text, continuation.gaps);
        Logits.assertBits(own.logits(run), each, "SmolLM2");
        assertArrayEquals(text, nextTokens(run, own));
      }
    }
  }

  @Test
  void float32TextIsTransformers(@TempDir Path folder) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(SmolLm2.fileOrSkip())) {
      DequantizedCheckpoint.write(checkpoint, folder);
    }
    try (Backend backend = Backend.open(BackendKind.CPU, 0, null);
        ModelRun run =
            new ModelRun(folder, backend, DType.F32, Continuation.positions(continuations()))) {
      for (Continuation continuation : continuations()) {
        int[] found = nextTokens(run, continuation);
        for (int step = 0; step < STEPS; step++) {
          if (continuation.gaps[step] > FLOAT_GAP) {
            assertEquals(continuation.greedy[step], found[step], "step " + step);
          }
        }
      }
    }
  }
}
