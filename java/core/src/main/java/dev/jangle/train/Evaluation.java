package dev.jangle.train;

import dev.jangle.backend.Backend;
import dev.jangle.backend.Kernels;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.model.NanLogitsException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleConsumer;
import java.util.stream.Stream;

/**
 * How well a model predicts answers that it did not learn from: on clean inputs, where training
 * with noise must cost nothing, and after noise, where it must gain. Immutable.
 *
 * @param samples their number
 * @param labels tokens that were predicted on clean inputs
 * @param loss mean over these of the negative natural logarithm of the token's probability
 * @param denoising how often the likeliest token after noise was the right one
 */
public record Evaluation(int samples, long labels, double loss, Denoising denoising) {
  /** Times that each sample gets noise, at places of their own: a segment is few labels. */
  static final int DRAWS = 4;

  /** The same for every model, so that all are asked the same. */
  static final long SEED = 1;

  /** Places of a batch, more where a sample is longer. */
  private static final int ROWS = 512;

  /**
   * Evaluates a checkpoint in float32, whatever its format. The noise is that of the paper, a
   * segment of 5 tokens on a clean beginning: what a step of Jacobi decoding looks like. What comes
   * after the segment is not computed. The same inputs give the same bits for any number of
   * threads.
   *
   * @param backend takes the weights as float32 and the activations, and gives them back
   * @param progress told the share that is done, from 0 to 1
   * @throws IllegalArgumentException where there are no samples, or a token is not in the
   *     vocabulary
   * @throws NanLogitsException where a logit is not a number: the weights are damaged
   * @throws dev.jangle.backend.OutOfDeviceMemoryException where the weights do not fit
   */
  public static Evaluation of(
      Checkpoint checkpoint, Backend backend, List<Sample> samples, DoubleConsumer progress) {
    if (samples.isEmpty()) {
      throw new IllegalArgumentException("no samples to evaluate on");
    }
    requireTokens(samples, checkpoint.config().vocabSize());
    int rows = Math.max(ROWS, samples.stream().mapToInt(Sample::length).max().orElseThrow() - 1);
    List<PackedBatch> clean = pack(samples.stream().map(NoisedSample::new).toList(), rows);
    List<PackedBatch> noised = pack(noised(samples), rows);
    List<PackedBatch> all = Stream.concat(clean.stream(), noised.stream()).toList();
    List<LossHead.Outcome> outcomes = outcomes(checkpoint, backend, all, rows, progress);
    double sum = 0;
    long labels = 0;
    for (LossHead.Outcome outcome : outcomes.subList(0, clean.size())) {
      sum += outcome.sum();
      labels += outcome.losses().length;
    }
    Denoising denoising = Denoising.of(noised, outcomes.subList(clean.size(), outcomes.size()));
    return new Evaluation(samples.size(), labels, sum / labels, denoising);
  }

  /** What the noise of all draws leaves to predict. */
  static List<NoisedSample> noised(List<Sample> samples) {
    NoiseStrategy noise = new NoiseStrategy.Ahead(Denoising.DEPTHS);
    List<NoisedSample> noised = new ArrayList<>();
    for (int draw = 0; draw < DRAWS; draw++) {
      for (int i = 0; i < samples.size(); i++) {
        CounterRandom random = new CounterRandom(SEED, draw, i);
        Optional<NoisedSample> alone =
            SegmentPlacer.noise(noise, samples.get(i), 0, random).noiseAlone();
        alone.ifPresent(noised::add);
      }
    }
    return noised;
  }

  private static void requireTokens(List<Sample> samples, int vocab) {
    for (Sample sample : samples) {
      for (int i = 0; i < sample.length(); i++) {
        if (sample.token(i) < 0 || sample.token(i) >= vocab) {
          throw new IllegalArgumentException(
              "token %d in a sample; the model's vocabulary has %d: use its own tokenizer"
                  .formatted(sample.token(i), vocab));
        }
      }
    }
  }

  /** In their order; a batch is full when the next one does not fit. */
  private static List<PackedBatch> pack(List<NoisedSample> samples, int rows) {
    List<PackedBatch> batches = new ArrayList<>();
    PackedBatch batch = null;
    for (NoisedSample sample : samples) {
      if (batch == null || sample.length() > rows - batch.used()) {
        batch = new PackedBatch(rows);
        batches.add(batch);
      }
      batch.add(sample);
    }
    return batches;
  }

  private static List<LossHead.Outcome> outcomes(
      Checkpoint checkpoint,
      Backend backend,
      List<PackedBatch> batches,
      int rows,
      DoubleConsumer progress) {
    try (Kernels kernels = backend.newKernels();
        DeviceMemory memory = new DeviceMemory(backend);
        TrainingModel model =
            new TrainingModel(backend, kernels, DType.F32, checkpoint.config(), null, rows, true)) {
      ModelParameters weights = weights(checkpoint, kernels, memory);
      List<LossHead.Outcome> outcomes = new ArrayList<>();
      for (PackedBatch batch : batches) {
        LossHead.Outcome outcome = model.losses(weights, batch);
        if (!Double.isFinite(outcome.sum())) {
          throw new NanLogitsException(
              checkpoint.path()
                  + ": the model's logits are not numbers (NaN): its weights are damaged;"
                  + " check the file");
        }
        outcomes.add(outcome);
        progress.accept((double) outcomes.size() / batches.size());
      }
      return outcomes;
    }
  }

  private static ModelParameters weights(
      Checkpoint checkpoint, Kernels kernels, DeviceMemory memory) {
    ParameterLayout layout = ParameterLayout.whole(checkpoint.config());
    Parameters weights = new Parameters(layout, memory.bytes(layout.elements() * Float.BYTES));
    TrainingState.load(kernels, checkpoint, weights);
    return ModelParameters.of(weights, null, checkpoint.config().layers());
  }
}
