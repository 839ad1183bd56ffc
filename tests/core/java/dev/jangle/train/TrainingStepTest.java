package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Machine;
import dev.jangle.backend.Tier;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.SafetensorsFile;
import dev.jangle.format.Tensor;
import dev.jangle.format.TensorFloats;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Ten steps against PyTorch in float64, and bit for bit against themselves; on the backend under
 * test ({@link Machine#kind}).
 */
class TrainingStepTest {
  private static final Path RESOURCES =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources");

  /** Longer than the samples of any batch, so that empty places are there, too. */
  private static final int ROWS = 96;

  /** Our error may be that of PyTorch in float32, four times: other orders of summation. */
  private static final double SLACK = 4;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Run(List<Double> losses, List<Double> norms, float[] weights) {}

  /** The emulated CUDA kernels take some 20 seconds of processor time for one. */
  static Stream<String> kinds() {
    return Machine.kind() == BackendKind.CPU
        ? Stream.of("llama3", "qwen2", "qwen3")
        : Stream.of("qwen3");
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void tenStepsAreThoseOfPyTorch(String kind) throws IOException {
    Run run = run(kind, null, 2, false);
    compareSteps(kind, run);
    try (Checkpoint last = Checkpoint.open(RESOURCES.resolve("training").resolve(kind))) {
      compareWeights(kind, ParameterLayout.whole(last.config()), last::tensor, run.weights());
    }
  }

  static Stream<Boolean> recomputations() {
    return Machine.kind() == BackendKind.CPU ? Stream.of(false, true) : Stream.of(true);
  }

  @ParameterizedTest
  @MethodSource("recomputations")
  void tenStepsOfAdaptersAreThoseOfPeft(boolean recompute) throws IOException {
    String kind = "qwen2_lora";
    Run run = run(kind, null, 2, recompute);
    compareSteps(kind, run);
    try (SafetensorsFile last = adapters(kind, "model.safetensors")) {
      compareWeights(kind, adapterLayout(kind), last::tensor, run.weights());
    }
  }

  @Test
  void newAdaptersChangeNoLoss() throws IOException {
    try (Backend backend = Backend.open(Machine.kind(), 2, null);
        Kernels kernels = backend.newKernels();
        Checkpoint file = Checkpoint.open(RESOURCES.resolve("models/qwen3"));
        TrainingState whole = TrainingState.of(backend, kernels, file);
        TrainingState adapted =
            TrainingState.adapter(backend, kernels, file, new LoraOptions(4, 8), 1);
        TrainingStep of =
            new TrainingStep(
                backend, kernels, DType.F32, file.config(), whole, AdamW.usual(), ROWS, false);
        TrainingStep with =
            new TrainingStep(
                backend, kernels, DType.F32, file.config(), adapted, AdamW.usual(), ROWS, false)) {
      PackedBatch batch = steps("qwen3").get(0).get(0);
      assertArrayEquals(of.losses(batch).losses(), with.losses(batch).losses());
      with.run(List.of(batch), false, 1e-2);
      assertNotEquals(of.losses(batch).sum(), with.losses(batch).sum());
    }
  }

  private static void compareSteps(String kind, Run run) throws IOException {
    JsonNode expected = expected(kind);
    JsonNode error = expected.get("naive_error");
    for (int i = 0; i < run.losses().size(); i++) {
      assertEquals(
          expected.get("losses").get(i).asDouble(),
          run.losses().get(i),
          SLACK * error.get("loss").asDouble(),
          "loss of step " + i);
      assertEquals(
          expected.get("norms").get(i).asDouble(),
          run.norms().get(i),
          SLACK * error.get("norm").asDouble(),
          "norm of step " + i);
    }
  }

  private static void compareWeights(
      String kind, ParameterLayout layout, Function<String, Tensor> expected, float[] weights)
      throws IOException {
    double bound = SLACK * expected(kind).get("naive_error").get("weight").asDouble();
    for (ParameterLayout.Slot slot : layout.slots()) {
      float[] values = TensorFloats.of(expected.apply(slot.name()));
      for (int i = 0; i < values.length; i++) {
        assertEquals(
            values[i], weights[(int) slot.offset() + i], bound, slot.name() + "[" + i + "]");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen2", "qwen3"})
  void threadsAndRecomputationChangeNoBit(String kind) throws IOException {
    assumeTrue(Machine.kind() == BackendKind.CPU, "a GPU has no threads to choose");
    Run one = run(kind, null, 1, false);
    Run three = run(kind, null, 3, true);
    assertEquals(one.losses(), three.losses());
    assertEquals(one.norms(), three.norms());
    assertArrayEquals(one.weights(), three.weights());
  }

  @Test
  void theScalarTierTrainsAsWell() throws IOException {
    assumeTrue(Machine.kind() == BackendKind.CPU, "a GPU has one tier");
    List<Double> losses = run("llama3", Tier.SCALAR, 2, false).losses();
    JsonNode expected = expected("llama3");
    for (int i = 0; i < losses.size(); i++) {
      assertEquals(
          expected.get("losses").get(i).asDouble(),
          losses.get(i),
          SLACK * expected.get("naive_error").get("loss").asDouble());
    }
  }

  /** What a run has on a GPU. A factor is off by 2^-9 of itself at most, and most of it cancels. */
  @Test
  void aStepWithFactorsOfBf16IsNearAndTheSameEachTime() throws IOException {
    assumeTrue(Machine.kind() == BackendKind.CUDA, "the CPU has float32 alone");
    String kind = "qwen2_lora";
    List<List<PackedBatch>> first = steps(kind).subList(0, 1);
    Run exact = run(kind, null, 1, false, DType.F32, first);
    Run rounded = run(kind, null, 1, false, DType.BF16, first);
    assertEquals(exact.losses().getFirst(), rounded.losses().getFirst(), 1e-2);
    assertEquals(exact.norms().getFirst(), rounded.norms().getFirst(), 1e-2);
    assertNotEquals(exact.norms(), rounded.norms());
    Run again = run(kind, null, 1, true, DType.BF16, first);
    assertEquals(rounded.losses(), again.losses());
    assertEquals(rounded.norms(), again.norms());
    assertArrayEquals(rounded.weights(), again.weights());
  }

  @Test
  void noLabelsAndNoFiniteLossChangeNothing() throws IOException {
    try (Backend backend = Backend.open(Machine.kind(), 2, null);
        Kernels kernels = backend.newKernels();
        Checkpoint file = Checkpoint.open(RESOURCES.resolve("models/llama3"));
        TrainingState state = TrainingState.of(backend, kernels, file);
        TrainingStep step =
            new TrainingStep(
                backend, kernels, DType.F32, file.config(), state, AdamW.usual(), ROWS, false)) {
      IllegalArgumentException none =
          assertThrows(
              IllegalArgumentException.class,
              () -> step.run(List.of(new PackedBatch(ROWS)), false, 1e-3));
      assertTrue(none.getMessage().contains("label"), none.getMessage());

      ParameterLayout.Slot norm = state.layout.slot("model.norm.weight");
      float[] broken = state.weights.values(kernels, norm);
      broken[3] = Float.NaN;
      state.weights.set(kernels, norm, broken);
      ParameterLayout.Slot embedding = state.layout.slot("model.embed_tokens.weight");
      float[] before = state.weights.values(kernels, embedding);
      List<PackedBatch> batches = steps("llama3").get(0);
      TrainingException stopped =
          assertThrows(TrainingException.class, () -> step.run(batches, false, 1e-3));
      assertTrue(stopped.getMessage().startsWith("step 1: the loss is NaN"), stopped.getMessage());
      assertArrayEquals(before, state.weights.values(kernels, embedding));
      assertEquals(0, state.steps);
    }
  }

  @Test
  void aStepWithDraftsIsOneOverTheNoiseAndItsDrafts() throws IOException {
    List<PackedBatch> noise = noise(0.5);
    List<PackedBatch> both = new ArrayList<>();
    try (Backend backend = Backend.open(Machine.kind(), 2, null);
        Kernels kernels = backend.newKernels();
        Checkpoint file = Checkpoint.open(RESOURCES.resolve("models/llama3"));
        TrainingState one = TrainingState.of(backend, kernels, file);
        TrainingState other = TrainingState.of(backend, kernels, file);
        TrainingStep drafts =
            new TrainingStep(
                backend, kernels, DType.F32, file.config(), one, AdamW.usual(), ROWS, false);
        TrainingStep plain =
            new TrainingStep(
                backend, kernels, DType.F32, file.config(), other, AdamW.usual(), ROWS, false)) {
      for (PackedBatch batch : noise) {
        int[] written = new int[ROWS];
        int label = 0;
        int[] predicted = plain.losses(batch).predicted();
        for (int i = 0; i < ROWS; i++) {
          written[i] = batch.targets()[i] == PackedBatch.NONE ? -1 : predicted[label++];
        }
        both.add(batch);
        both.add(batch.next(written));
        assertFalse(Arrays.equals(batch.inputs(), both.getLast().inputs()));
        assertTrue(both.getLast().learnt() < batch.learnt(), "branches reach the end");
      }
      TrainingStep.Result expected = plain.run(both, false, 1e-2);
      TrainingStep.Result actual = drafts.run(noise, true, 1e-2);
      assertEquals(expected.loss(), actual.loss());
      assertEquals(expected.norm(), actual.norm());
      assertEquals(2, actual.outcomes().size());
      ParameterLayout.Slot slot = one.layout.slot("model.embed_tokens.weight");
      assertArrayEquals(other.weights.values(kernels, slot), one.weights.values(kernels, slot));
    }
  }

  /** A branch is computed as if it stood alone, behind what is before it. */
  @Test
  void branchesDoNotTouchWhatTheyLeave() throws IOException {
    PackedBatch together = noise(1).get(0);
    List<PackedBatch> apart = new ArrayList<>();
    NoisedSample noised = noised(0, 1);
    apart.add(new PackedBatch(ROWS));
    apart.getLast().add(new NoisedSample(noised.sample()));
    for (NoisedSample.Branch branch : noised.branches()) {
      int end = branch.from + branch.inputs.length;
      int[] tokens = new int[end + 1];
      boolean[] learnt = new boolean[end + 1];
      for (int i = 0; i <= end; i++) {
        boolean own = i >= branch.from && i < end;
        tokens[i] = own ? branch.inputs[i - branch.from] : noised.sample().token(i);
      }
      // One label at a time: the sample's own tokens, behind each token of the branch.
      for (int i = branch.from; i < end; i++) {
        int[] upToHere = Arrays.copyOf(tokens, i + 2);
        upToHere[i + 1] = noised.sample().token(i + 1);
        boolean[] last = Arrays.copyOf(learnt, i + 2);
        last[i + 1] = true;
        apart.add(new PackedBatch(ROWS));
        apart.getLast().add(new NoisedSample(new Sample(upToHere, last, false)));
      }
    }
    try (Backend backend = Backend.open(Machine.kind(), 2, null);
        Kernels kernels = backend.newKernels();
        Checkpoint file = Checkpoint.open(RESOURCES.resolve("models/llama3"));
        TrainingState one = TrainingState.of(backend, kernels, file);
        TrainingState other = TrainingState.of(backend, kernels, file);
        TrainingStep first =
            new TrainingStep(
                backend, kernels, DType.F32, file.config(), one, AdamW.usual(), ROWS, false);
        TrainingStep second =
            new TrainingStep(
                backend, kernels, DType.F32, file.config(), other, AdamW.usual(), ROWS, false)) {
      double[] losses =
          apart.stream().flatMapToDouble(b -> Arrays.stream(second.losses(b).losses())).toArray();
      assertArrayEquals(losses, first.losses(together).losses(), 1e-5);
      TrainingStep.Result expected = second.run(apart, false, 1e-2);
      TrainingStep.Result actual = first.run(List.of(together), false, 1e-2);
      assertEquals(expected.loss(), actual.loss(), 1e-6);
      assertEquals(expected.norm(), actual.norm(), 1e-5 * expected.norm());
    }
  }

  @Test
  void aBranchCountsByItsWeight() throws IOException {
    PackedBatch light = noise(0.25).get(0);
    PackedBatch clean = new PackedBatch(ROWS);
    clean.add(new NoisedSample(noised(0, 1).sample()));
    try (Backend backend = Backend.open(Machine.kind(), 2, null);
        Kernels kernels = backend.newKernels();
        Checkpoint file = Checkpoint.open(RESOURCES.resolve("models/llama3"));
        TrainingState state = TrainingState.of(backend, kernels, file);
        TrainingStep step =
            new TrainingStep(
                backend, kernels, DType.F32, file.config(), state, AdamW.usual(), ROWS, false)) {
      double all = step.losses(light).sum();
      double first = step.losses(clean).sum();
      int branched = light.learnt() - clean.learnt();
      assertTrue(branched > 0);
      assertEquals(clean.learnt() + 0.25 * branched, light.weight(), 1e-9);
      double expected = (first + 0.25 * (all - first)) / light.weight();
      assertEquals(expected, step.run(List.of(light), false, 0).loss(), 1e-6);
      // The gradient is a mixture of the two: twice the weight is twice the branches' part of it.
      double[] norms = new double[3];
      for (int i = 0; i < 3; i++) {
        PackedBatch batch = noise(0.25 * (i + 1)).get(0);
        norms[i] = step.run(List.of(batch), false, 0).norm() * batch.weight();
      }
      // |c + w b|^2 is a parabola in w: its second difference is 2 w^2 |b|^2 > 0.
      double second = norms[0] * norms[0] - 2 * norms[1] * norms[1] + norms[2] * norms[2];
      assertTrue(second > 1e-4 * norms[0] * norms[0], second + " of " + Arrays.toString(norms));
    }
  }

  /** Two rows of an answer with branches of noise. */
  private static List<PackedBatch> noise(double weight) {
    List<PackedBatch> batches = new ArrayList<>();
    for (int row = 0; row < 2; row++) {
      PackedBatch batch = new PackedBatch(ROWS);
      batch.add(noised(row, weight));
      batches.add(batch);
    }
    return batches;
  }

  private static NoisedSample noised(int row, double weight) {
    int[] tokens = new int[ROWS / 3];
    boolean[] written = new boolean[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = 3 + (7 * i + row) % 50;
      written[i] = i >= 4;
    }
    return SegmentPlacer.noise(
        new NoiseStrategy.OwnDrafts(3, 2, weight),
        new Sample(tokens, written, false),
        0,
        new CounterRandom(row));
  }

  private static Run run(String kind, Tier tier, int threads, boolean recompute)
      throws IOException {
    return run(kind, tier, threads, recompute, DType.F32, steps(kind));
  }

  private static Run run(
      String kind,
      Tier tier,
      int threads,
      boolean recompute,
      DType factors,
      List<List<PackedBatch>> steps)
      throws IOException {
    JsonNode rates = expected(kind).get("optimizer");
    AdamW optimizer =
        new AdamW(
            rates.get("beta1").asDouble(),
            rates.get("beta2").asDouble(),
            rates.get("eps").asDouble(),
            rates.get("decay").asDouble(),
            rates.get("clip").asDouble());
    List<Double> losses = new ArrayList<>();
    List<Double> norms = new ArrayList<>();
    try (Backend backend = Backend.open(Machine.kind(), threads, tier);
        Kernels kernels = backend.newKernels();
        Checkpoint file = Checkpoint.open(base(kind));
        TrainingState state = state(backend, kernels, file, kind);
        TrainingStep step =
            new TrainingStep(
                backend, kernels, factors, file.config(), state, optimizer, ROWS, recompute)) {
      for (List<PackedBatch> batches : steps) {
        TrainingStep.Result result = step.run(batches, false, rates.get("rate").asDouble());
        losses.add(result.loss());
        norms.add(result.norm());
      }
      float[] weights = new float[(int) state.layout.elements()];
      for (ParameterLayout.Slot slot : state.layout.slots()) {
        float[] values = state.weights.values(kernels, slot);
        System.arraycopy(values, 0, weights, (int) slot.offset(), values.length);
      }
      return new Run(losses, norms, weights);
    }
  }

  private static Path base(String kind) {
    return RESOURCES.resolve("models").resolve(kind.replace("_lora", ""));
  }

  private static TrainingState state(Backend backend, Kernels kernels, Checkpoint file, String kind)
      throws IOException {
    JsonNode lora = expected(kind).get("lora");
    if (lora == null) {
      return TrainingState.of(backend, kernels, file);
    }
    LoraOptions options = new LoraOptions(lora.get("r").asInt(), lora.get("lora_alpha").asDouble());
    TrainingState state = TrainingState.adapter(backend, kernels, file, options, 1);
    try (SafetensorsFile first = adapters(kind, "first.safetensors")) {
      for (ParameterLayout.Slot slot : state.layout.slots()) {
        state.weights.set(kernels, slot, TensorFloats.of(first.tensor(slot.name())));
      }
    }
    return state;
  }

  private static SafetensorsFile adapters(String kind, String file) throws IOException {
    return SafetensorsFile.open(RESOURCES.resolve("training").resolve(kind).resolve(file));
  }

  private static ParameterLayout adapterLayout(String kind) throws IOException {
    try (Checkpoint file = Checkpoint.open(base(kind))) {
      return ParameterLayout.adapters(file.config(), expected(kind).get("lora").get("r").asInt());
    }
  }

  private static JsonNode expected(String kind) throws IOException {
    Path file = RESOURCES.resolve("training").resolve(kind).resolve("expected.json");
    return new ObjectMapper().readTree(file.toFile());
  }

  private static List<List<PackedBatch>> steps(String kind) throws IOException {
    List<List<PackedBatch>> steps = new ArrayList<>();
    for (JsonNode batches : expected(kind).get("steps")) {
      List<PackedBatch> step = new ArrayList<>();
      for (JsonNode samples : batches) {
        PackedBatch batch = new PackedBatch(ROWS);
        for (JsonNode sample : samples) {
          batch.add(new NoisedSample(sample(sample)));
        }
        step.add(batch);
      }
      steps.add(step);
    }
    return steps;
  }

  private static Sample sample(JsonNode json) {
    int[] tokens = new int[json.get("tokens").size()];
    boolean[] written = new boolean[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = json.get("tokens").get(i).asInt();
      written[i] = i >= json.get("prompt").asInt();
    }
    return new Sample(tokens, written, false);
  }
}
