package dev.jangle.train;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.TrainingProducts;
import dev.jangle.backend.TrainingRows;
import dev.jangle.format.ModelConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The last norm, the output matrix and the cross-entropy, with their gradients. Reads only rows
 * that have a label, a chunk at a time: the logits of a whole batch never exist.
 */
final class LossHead {
  /**
   * Rows of a chunk: enough to read the output matrix seldom, few enough for 50,000 logits each.
   */
  static final int CHUNK = 128;

  /**
   * What a batch gave, for each compact row.
   *
   * @param losses negative logarithm of the label's probability
   * @param predicted the most probable token; -1 where a logit is not a number
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Outcome(double[] losses, int[] predicted) {
    /** Sum of the losses in the order of the rows. */
    double sum() {
      double sum = 0;
      for (double loss : losses) {
        sum += loss;
      }
      return sum;
    }
  }

  private final ModelConfig config;
  private final Kernels kernels;
  private final TrainingProducts products;
  private final TrainingRows rowWork;
  private final BatchRows batch;
  private final DeviceBuffer scratch;
  private final Matrix compact;
  private final Matrix normed;
  private final Matrix dnormed;
  private final Matrix dcompact;
  private final Matrix logits;
  private final DeviceBuffer rowWeights;
  private final DeviceBuffer losses;
  private final DeviceBuffer predicted;

  LossHead(
      DeviceMemory memory,
      ModelConfig config,
      Kernels kernels,
      TrainingProducts products,
      BatchRows batch,
      int rows,
      DeviceBuffer scratch) {
    this.config = config;
    this.kernels = kernels;
    this.products = products;
    this.rowWork = kernels.trainingRows();
    this.batch = batch;
    this.scratch = scratch;
    compact = memory.matrix(rows, config.hiddenSize());
    normed = memory.matrix(rows, config.hiddenSize());
    dnormed = memory.matrix(rows, config.hiddenSize());
    dcompact = memory.matrix(rows, config.hiddenSize());
    logits = memory.matrix(Math.min(CHUNK, rows), config.vocabSize());
    rowWeights = memory.bytes((long) rows * Float.BYTES);
    losses = memory.bytes((long) rows * Double.BYTES);
    predicted = memory.ints(logits.rows());
  }

  /** Scratch that the largest operation needs. */
  static long scratchBytes(
      Kernels kernels, TrainingProducts products, ModelConfig config, long rows) {
    return Math.max(
        TrainingLinear.scratchBytes(
            products, Math.min(CHUNK, rows), null, config.hiddenSize(), config.vocabSize()),
        kernels.trainingRows().rmsnormBackwardScratchBytes(rows, 1, config.hiddenSize()));
  }

  /**
   * Losses of a batch; adds to the gradients, unless they are null, those of the sum of the losses
   * times {@code rowWeight}, and gives that of the last layer's output. A batch without labels has
   * no losses, and a gradient of 0.
   *
   * @param hidden [rows][hidden], the last layer's output
   * @param gradient [rows][hidden], overwritten; null where gradients is
   */
  Outcome run(
      ModelParameters weights,
      ModelParameters gradients,
      Matrix hidden,
      float rowWeight,
      Matrix gradient) {
    if (gradient != null) {
      rowWork.zero(gradient.buffer(), 0, gradient.rows() * gradient.cols() * Float.BYTES); // dense
    }
    int learnt = batch.learnt();
    double[] rowLosses = new double[learnt];
    int[] tokens = new int[learnt];
    if (learnt == 0) {
      return new Outcome(rowLosses, tokens);
    }
    Matrix x = compact.top(learnt);
    Matrix y = normed.top(learnt);
    float[] scaled = new float[learnt];
    for (int i = 0; i < learnt; i++) {
      scaled[i] = (float) (rowWeight * batch.weights()[i]);
    }
    try (Arena arena = Arena.ofConfined()) {
      kernels.upload(arena.allocateFrom(JAVA_FLOAT, scaled), rowWeights);
      rowWork.gatherRows(batch.learntRows, hidden, x);
      kernels.rmsnorm(x, 1, weights.norm(), config.rmsNormEps(), y);
      MemorySegment chosen = arena.allocate(JAVA_INT, logits.rows());
      for (int first = 0; first < learnt; first += CHUNK) {
        int count = Math.min(CHUNK, learnt - first);
        chunk(weights, gradients, first, count);
        MemorySegment part = chosen.asSlice(0, (long) count * Integer.BYTES);
        kernels.download(predicted, part);
        MemorySegment.copy(part, JAVA_INT, 0, tokens, first, count);
      }
      MemorySegment out = arena.allocate(JAVA_DOUBLE, learnt);
      kernels.download(losses, out);
      MemorySegment.copy(out, JAVA_DOUBLE, 0, rowLosses, 0, learnt);
    }
    if (gradients != null) {
      Matrix dx = dcompact.top(learnt);
      rowWork.rmsnormBackward(
          x,
          1,
          weights.norm(),
          config.rmsNormEps(),
          dnormed.top(learnt),
          false,
          dx,
          gradients.norm(),
          scratch);
      rowWork.embedBackward(batch.learntRows, batch.ascending, dx, gradient);
    }
    return new Outcome(rowLosses, tokens);
  }

  private void chunk(ModelParameters weights, ModelParameters gradients, int first, int count) {
    Matrix x = normed.rowsFrom(first, count);
    Matrix z = logits.top(count);
    products.gemm(1, false, x, true, weights.head(), false, z, scratch);
    kernels.argmax(z, predicted);
    rowWork.crossEntropy(z, first, batch.targets, rowWeights, losses);
    if (gradients != null) {
      Matrix dx = dnormed.rowsFrom(first, count);
      if (gradients.head() != null) {
        products.gemm(1, true, z, false, x, true, gradients.head(), scratch);
      }
      products.gemm(1, false, z, false, weights.head(), false, dx, scratch);
    }
  }
}
