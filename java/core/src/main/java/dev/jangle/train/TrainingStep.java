package dev.jangle.train;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.TrainingRows;
import dev.jangle.format.DType;
import dev.jangle.format.ModelConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One step of training: gradients of the mean loss over the labels of several batches, clipping by
 * their norm, AdamW. All sums have a fixed order, so equal inputs give equal bits for any number of
 * threads. One thread at a time.
 */
final class TrainingStep implements AutoCloseable {
  /**
   * What a step did.
   *
   * @param loss mean over the labels by what they count, before the step
   * @param norm of the gradients, before clipping
   * @param outcomes of the batches, in order, as they were given
   */
  record Result(double loss, double norm, List<LossHead.Outcome> outcomes) {}

  private final Kernels kernels;
  private final TrainingState state;
  private final AdamW optimizer;
  private final TrainingModel model;
  private final ModelParameters weights;
  private final ModelParameters gradients;
  private final DeviceMemory memory;
  private final DeviceBuffer squares;
  private final DeviceBuffer scratch;

  /**
   * Takes the memory of the passes.
   *
   * @param factors how products read their factors; see {@link Kernels#trainingProducts}
   * @param rows places of a batch
   * @param recompute see {@link TrainingModel}
   */
  TrainingStep(
      Backend backend,
      Kernels kernels,
      DType factors,
      ModelConfig config,
      TrainingState state,
      AdamW optimizer,
      int rows,
      boolean recompute) {
    this.kernels = kernels;
    this.state = state;
    this.optimizer = optimizer;
    weights = state.model();
    gradients = state.modelGradients();
    memory = new DeviceMemory(backend);
    boolean whole = false;
    try {
      squares = memory.bytes(Double.BYTES);
      scratch =
          memory.bytes(
              Math.max(1, kernels.trainingRows().sumSquaresScratchBytes(state.layout.elements())));
      model = new TrainingModel(backend, kernels, factors, config, state.lora, rows, recompute);
      whole = true;
    } finally {
      if (!whole) {
        memory.close();
      }
    }
  }

  /**
   * Changes the weights.
   *
   * @param drafts whether each batch is learnt once more, with {@linkplain PackedBatch#next drafts}
   *     that the model made of its noise
   * @param rate of this step
   * @throws TrainingException where the loss or the norm is not a finite number; the weights are as
   *     before
   * @throws IllegalArgumentException where no batch has a label
   */
  Result run(List<PackedBatch> batches, boolean drafts, double rate) {
    double labels = 0;
    for (PackedBatch batch : batches) {
      // Which labels a batch has next does not depend on what its drafts will be.
      labels += batch.weight() + (drafts ? batch.next(batch.inputs()).weight() : 0);
    }
    if (labels == 0) {
      throw new IllegalArgumentException(
          "none of the step's %d batches has a label".formatted(batches.size()));
    }
    TrainingRows rowWork = kernels.trainingRows();
    rowWork.zero(state.gradients.buffer(), 0, state.layout.elements() * Float.BYTES);
    float rowWeight = (float) (1 / labels);
    List<LossHead.Outcome> outcomes = new ArrayList<>();
    double sum = 0;
    for (PackedBatch batch : batches) {
      LossHead.Outcome outcome = model.gradients(weights, gradients, batch, rowWeight);
      outcomes.add(outcome);
      sum += sum(batch, outcome);
      if (drafts) {
        PackedBatch next = batch.next(written(batch, outcome));
        sum += sum(next, model.gradients(weights, gradients, next, rowWeight));
      }
    }
    double loss = sum / labels;
    double norm = norm();
    if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
      throw new TrainingException(
          "step %d: the loss is %s and the norm of its gradients %s; lower the learning rate, or look"
                  .formatted(state.steps + 1, loss, norm)
              + " at the samples of this step");
    }
    update(rate, norm > optimizer.clip() ? optimizer.clip() / norm : 1);
    return new Result(loss, norm, outcomes);
  }

  /** Losses of a batch with the present weights. */
  LossHead.Outcome losses(PackedBatch batch) {
    return model.losses(weights, batch);
  }

  /** Losses times what the labels count, in the order of the places. */
  private static double sum(PackedBatch batch, LossHead.Outcome outcome) {
    double sum = 0;
    int[] places = batch.labelled();
    for (int label = 0; label < places.length; label++) {
      sum += batch.weights()[places[label]] * outcome.losses()[label];
    }
    return sum;
  }

  /** What the model wrote after each place; the input there where it wrote no number. */
  private static int[] written(PackedBatch batch, LossHead.Outcome outcome) {
    int[] written = batch.inputs().clone();
    int[] places = batch.labelled();
    for (int label = 0; label < places.length; label++) {
      int token = outcome.predicted()[label];
      written[places[label]] = token >= 0 ? token : written[places[label]];
    }
    return written;
  }

  private double norm() {
    kernels.trainingRows().sumSquares(state.gradients.all(), squares, 0, scratch);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment sum = arena.allocate(JAVA_DOUBLE);
      kernels.download(squares, sum);
      return Math.sqrt(sum.get(JAVA_DOUBLE, 0));
    }
  }

  private void update(double rate, double gradientScale) {
    state.steps++;
    update(
        state.weights.matrices(),
        state.gradients.matrices(),
        state.firstMoment.matrices(),
        state.secondMoment.matrices(),
        rate,
        optimizer.decay(),
        gradientScale);
    if (state.layout.hasVectors()) {
      update(
          state.weights.vectors(),
          state.gradients.vectors(),
          state.firstMoment.vectors(),
          state.secondMoment.vectors(),
          rate,
          0,
          gradientScale);
    }
    kernels.synchronize();
  }

  private void update(
      Matrix weight,
      Matrix gradient,
      Matrix first,
      Matrix second,
      double rate,
      double decay,
      double gradientScale) {
    kernels
        .trainingRows()
        .adamw(
            weight,
            gradient,
            first,
            second,
            rate,
            optimizer.beta1(),
            optimizer.beta2(),
            optimizer.eps(),
            decay,
            gradientScale,
            state.steps);
  }

  @Override
  public void close() {
    model.close();
    memory.close();
  }
}
