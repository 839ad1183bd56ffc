package dev.jangle.train;

import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.TrainingProducts;
import dev.jangle.format.DType;
import dev.jangle.format.ModelConfig;
import dev.jangle.model.RopeTable;
import java.util.Arrays;

/**
 * A model that gives losses and gradients of packed batches. One thread at a time.
 *
 * <p>With recomputation it keeps only each layer's input, and runs a layer's forward pass again
 * before its backward pass: a third more work, and the memory of one layer instead of all. The
 * numbers are the same.
 */
final class TrainingModel implements AutoCloseable {
  private final ModelConfig config;
  private final Kernels kernels;
  private final DeviceMemory memory;
  private final boolean recompute;
  private final BatchRows batch;
  private final TrainingLayer layer;
  private final LossHead head;
  private final Matrix[] hidden;
  private final LayerActivations[] activations;
  private final Matrix gradient;

  /**
   * Takes the memory of all passes.
   *
   * @param factors how products read their factors; see {@link Kernels#trainingProducts}
   * @param lora null where the weights have no adapters
   * @param rows places of a batch
   */
  TrainingModel(
      Backend backend,
      Kernels kernels,
      DType factors,
      ModelConfig config,
      LoraOptions lora,
      int rows,
      boolean recompute) {
    this.config = config;
    this.kernels = kernels;
    this.recompute = recompute;
    memory = new DeviceMemory(backend);
    boolean whole = false;
    try {
      TrainingProducts products = kernels.trainingProducts(factors);
      DeviceBuffer scratch =
          memory.bytes(
              Math.max(
                  TrainingLayer.scratchBytes(kernels, products, config, rows, lora),
                  LossHead.scratchBytes(kernels, products, config, rows)));
      batch = new BatchRows(memory, kernels, rows);
      Matrix table = upload(RopeTable.of(config, rows), rows, config.headDim());
      float[] units = new float[rows];
      Arrays.fill(units, 1);
      Matrix ones = upload(units, rows, 1);
      TrainingLinear linear = new TrainingLinear(memory, products, rows, lora, scratch);
      layer =
          new TrainingLayer(memory, config, kernels, products, batch, table, ones, linear, scratch);
      head = new LossHead(memory, config, kernels, products, batch, rows, scratch);
      hidden = new Matrix[config.layers() + 1];
      for (int i = 0; i < hidden.length; i++) {
        hidden[i] = memory.matrix(rows, config.hiddenSize());
      }
      activations = new LayerActivations[recompute ? 1 : config.layers()];
      for (int i = 0; i < activations.length; i++) {
        activations[i] = LayerActivations.allocate(memory, config, rows);
      }
      gradient = memory.matrix(rows, config.hiddenSize());
      whole = true;
    } finally {
      if (!whole) {
        memory.close();
      }
    }
  }

  /** Losses alone. */
  LossHead.Outcome losses(ModelParameters weights, PackedBatch packed) {
    forward(weights, packed);
    return head.run(weights, null, hidden(config.layers()), 0, null);
  }

  /**
   * Losses; adds to the gradients those of the sum of the losses times {@code rowWeight}.
   *
   * @param rowWeight one over the number of labels of a step, for the mean over the step
   */
  LossHead.Outcome gradients(
      ModelParameters weights, ModelParameters gradients, PackedBatch packed, float rowWeight) {
    forward(weights, packed);
    Matrix slope = gradient.top(batch.used());
    LossHead.Outcome outcome =
        head.run(weights, gradients, hidden(config.layers()), rowWeight, slope);
    for (int i = config.layers() - 1; i >= 0; i--) {
      LayerParameters own = weights.layers().get(i);
      LayerActivations acts = activations(i);
      if (recompute) {
        // The layer's output is not needed any more; it is computed with the rest and is the same.
        layer.forward(own, hidden(i), acts, hidden(i + 1));
      }
      layer.backward(own, gradients.layers().get(i), hidden(i), acts, slope);
    }
    if (gradients.embedding() != null) {
      kernels
          .trainingRows()
          .embedBackward(batch.inputs, batch.byInput, slope, gradients.embedding());
    }
    return outcome;
  }

  private void forward(ModelParameters weights, PackedBatch packed) {
    batch.set(kernels, packed);
    kernels.trainingRows().gatherRows(batch.inputs, weights.embedding(), hidden(0));
    for (int i = 0; i < config.layers(); i++) {
      layer.forward(weights.layers().get(i), hidden(i), activations(i), hidden(i + 1));
    }
  }

  private Matrix hidden(int layers) {
    return hidden[layers].top(batch.used());
  }

  private LayerActivations activations(int i) {
    return activations[recompute ? 0 : i].top(batch.used());
  }

  private Matrix upload(float[] values, int rows, int cols) {
    Matrix matrix = memory.matrix(rows, cols);
    DeviceMemory.set(kernels, matrix.buffer(), values);
    return matrix;
  }

  @Override
  public void close() {
    memory.close();
  }
}
