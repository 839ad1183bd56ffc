package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.TinyFolder;
import dev.jangle.backend.Backend;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Machine;
import dev.jangle.cache.KvCache;
import dev.jangle.cache.KvPool;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.model.NanLogitsException;
import dev.jangle.model.Transformer;
import dev.jangle.model.Workspace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluationTest {
  private static final Path RESOURCES =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources");

  private static Evaluation evaluate(List<Sample> samples, int threads) throws IOException {
    try (Backend backend = Backend.open(Machine.kind(), threads, null);
        Checkpoint file = Checkpoint.open(RESOURCES.resolve("models/llama3"))) {
      return Evaluation.of(file, backend, samples, share -> {});
    }
  }

  private static Sample sample(int prompt, int... tokens) {
    boolean[] written = new boolean[tokens.length];
    Arrays.fill(written, prompt, tokens.length, true);
    return new Sample(tokens, written, false);
  }

  /** The first step of the training fixture: its loss is that of the untouched weights. */
  @Test
  void theLossIsPyTorchs() throws IOException {
    JsonNode expected =
        new ObjectMapper().readTree(RESOURCES.resolve("training/llama3/expected.json").toFile());
    List<Sample> samples = new ArrayList<>();
    for (JsonNode batch : expected.get("steps").get(0)) {
      for (JsonNode sample : batch) {
        int[] tokens = new ObjectMapper().convertValue(sample.get("tokens"), int[].class);
        samples.add(sample(sample.get("prompt").asInt(), tokens));
      }
    }
    Evaluation found = evaluate(samples, 2);
    assertEquals(
        expected.get("losses").get(0).asDouble(),
        found.loss(),
        4 * expected.get("naive_error").get("loss").asDouble());
    assertEquals(samples.size(), found.samples());
    assertEquals(found, evaluate(samples, 1), "for any number of threads");
  }

  /**
   * The forward pass of decoding reads the noised inputs one sample at a time; what it would write
   * is counted by hand. So that some of it is right, the labels of each first draw's noise are what
   * the model writes there, which changes no input of that draw.
   */
  @Test
  void denoisingIsCountedAsDecodingWouldSeeIt() throws IOException {
    List<Sample> samples = new ArrayList<>();
    try (Backend backend = Backend.open(Machine.kind(), 2, null);
        Checkpoint file = Checkpoint.open(RESOURCES.resolve("models/llama3"));
        Transformer transformer = Transformer.load(file, backend, 128, (done, total) -> {})) {
      for (int i = 0; i < 6; i++) {
        int[] tokens = new int[12 + 7 * i];
        for (int j = 0; j < tokens.length; j++) {
          tokens[j] = (31 * i + 17 * j * j + 5) % 128;
        }
        Sample plain = sample(6, tokens);
        NoisedSample first =
            SegmentPlacer.noise(
                new NoiseStrategy.Ahead(5), plain, 0, new CounterRandom(Evaluation.SEED, 0, i));
        int[] written = written(backend, transformer, first);
        for (int j = 0; j < first.length(); j++) {
          tokens[j + 1] = first.depth(j) > 0 ? written[j] : tokens[j + 1];
        }
        samples.add(sample(6, tokens));
      }
      int[] right = new int[5];
      int[] all = new int[5];
      for (NoisedSample noised : Evaluation.noised(samples)) {
        int[] written = written(backend, transformer, noised);
        for (int j = 0; j < noised.length(); j++) {
          if (noised.depth(j) > 0) {
            all[noised.depth(j) - 1]++;
            right[noised.depth(j) - 1] += written[j] == noised.sample().token(j + 1) ? 1 : 0;
          }
        }
      }
      Denoising found = evaluate(samples, 2).denoising();
      assertEquals(Arrays.stream(right).boxed().toList(), found.right());
      assertEquals(Arrays.stream(all).boxed().toList(), found.all());
      for (int depth = 0; depth < 5; depth++) {
        assertTrue(right[depth] >= 6 && right[depth] < all[depth], Arrays.toString(right));
        assertEquals(6 * Evaluation.DRAWS, all[depth]);
      }
    }
  }

  /** The likeliest token after each input. */
  private static int[] written(Backend backend, Transformer transformer, NoisedSample sample) {
    int rows = sample.length();
    int[] inputs = new int[rows];
    int[] parents = new int[rows];
    for (int i = 0; i < rows; i++) {
      inputs[i] = sample.input(i);
      parents[i] = i - 1;
    }
    KvPool pool = new KvPool(backend, transformer.config(), DType.F32, 2);
    try (Workspace work = transformer.newWorkspace();
        KvCache cache = new KvCache(pool, work.kernels())) {
      Kernels kernels = work.kernels();
      cache.reserve(rows);
      work.batch().set(inputs, parents, 0, rows, 0, cache.pages());
      transformer.forward(work, cache);
      float[][] logits = kernels.download(transformer.logits(work, 0, rows));
      return Arrays.stream(logits).mapToInt(EvaluationTest::largest).toArray();
    }
  }

  private static int largest(float[] row) {
    int best = 0;
    for (int i = 1; i < row.length; i++) {
      best = row[i] > row[best] ? i : best;
    }
    return best;
  }

  @Test
  void onlyWhatFollowsNoiseIsComputed() {
    for (NoisedSample noised : Evaluation.noised(List.of(Samples.turns(4, 9, 3, 2, 5, 30)))) {
      assertEquals(5, noised.depth(noised.length() - 1), "the segment is the end");
      for (int i = 0; i < noised.length(); i++) {
        assertEquals(noised.depth(i) > 0, noised.sample().learnt(i + 1));
        assertEquals(100 + i + 1, noised.sample().token(i + 1), "labels are clean");
      }
    }
  }

  /** An answer of one token has no input that may become noise, but it has a loss. */
  @Test
  void anAnswerMayBeTooShortForNoise() throws IOException {
    Evaluation found = evaluate(List.of(sample(3, 1, 2, 3, 4)), 1);
    assertEquals(1, found.labels());
    assertEquals(List.of(0, 0, 0, 0, 0), found.denoising().all());
    assertTrue(Double.isNaN(found.denoising().accuracy(1)));
    assertTrue(found.loss() > 0);
  }

  @Test
  void damagedWeightsAreNamed(@TempDir Path folder) throws IOException {
    Path model =
        TinyFolder.write(
            folder,
            true,
            (name, data) -> {
              if (name.equals("model.norm.weight")) {
                data.putFloat(0, Float.NaN);
              }
            });
    try (Backend backend = Backend.open(Machine.kind(), 1, null);
        Checkpoint file = Checkpoint.open(model)) {
      String message =
          assertThrows(
                  NanLogitsException.class,
                  () -> Evaluation.of(file, backend, List.of(sample(1, 1, 2, 3)), share -> {}))
              .getMessage();
      assertTrue(message.startsWith(model + ": ") && message.contains("weights"), message);
    }
  }

  @Test
  void refusesWhatItCannotRead() {
    assertEquals(
        "no samples to evaluate on",
        assertThrows(IllegalArgumentException.class, () -> evaluate(List.of(), 1)).getMessage());
    String message =
        assertThrows(
                IllegalArgumentException.class, () -> evaluate(List.of(sample(1, 1, 99_999)), 1))
            .getMessage();
    assertTrue(message.contains("99999") && message.contains("vocabulary"), message);
  }
}
