package dev.jangle.train;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.TrainingProducts;
import java.util.stream.LongStream;

/**
 * The forward and backward pass of a linear layer on plain float32 weights, with its adapter where
 * it has one. The backward pass computes the adapter's inner values again rather than keep them:
 * they cost rank / out of the layer.
 */
final class TrainingLinear {
  /** Most parts of a layer: query, key and value. */
  private static final int PARTS = 3;

  private final TrainingProducts products;
  private final DeviceBuffer scratch;
  private final float scale;
  private final Matrix inner;
  private final Matrix dinner;

  /**
   * Takes the buffers that adapters need.
   *
   * @param lora null without adapters
   */
  TrainingLinear(
      DeviceMemory memory,
      TrainingProducts products,
      long rows,
      LoraOptions lora,
      DeviceBuffer scratch) {
    this.products = products;
    this.scratch = scratch;
    scale = lora == null ? 0 : (float) lora.scale();
    inner = lora == null ? null : memory.matrix(rows, PARTS * (long) lora.rank());
    dinner = lora == null ? null : memory.matrix(rows, PARTS * (long) lora.rank());
  }

  /**
   * Scratch of a layer and of its gradients.
   *
   * @param lora null without adapters
   * @param outs outputs of each part
   */
  static long scratchBytes(
      TrainingProducts products, long rows, LoraOptions lora, long in, long... outs) {
    long most = bytes(products, rows, LongStream.of(outs).sum(), in);
    if (lora == null) {
      return most;
    }
    most = Math.max(most, bytes(products, rows, outs.length * (long) lora.rank(), in));
    for (long out : outs) {
      most = Math.max(most, bytes(products, rows, out, lora.rank()));
    }
    return most;
  }

  private static long bytes(TrainingProducts products, long rows, long out, long in) {
    return Math.max(
        products.gemmScratchBytes(rows, out, in),
        Math.max(
            products.gemmScratchBytes(rows, in, out), products.gemmScratchBytes(out, in, rows)));
  }

  /** {@code y = x w^T (+ y)}, with x [rows][in] and y [rows][out]. */
  void forward(LinearParameters weights, Matrix x, boolean accumulate, Matrix y) {
    products.gemm(1, false, x, true, weights.weight(), accumulate, y, scratch);
    LinearParameters.Adapter adapter = weights.adapter();
    if (adapter == null) {
      return;
    }
    Matrix low = low(inner, adapter, x);
    long column = 0;
    for (int i = 0; i < adapter.ups().size(); i++) {
      Matrix up = adapter.ups().get(i);
      Matrix part = y.columns(column, up.rows());
      products.gemm(scale, false, part(low, adapter, i), true, up, true, part, scratch);
      column += up.rows();
    }
  }

  /**
   * Adds to the gradients of the weights that are trained, and gives that of the input.
   *
   * @param gradients of what is frozen null
   * @param x [rows][in], the input of the forward pass
   * @param dy [rows][out]
   * @param dx [rows][in], overwritten
   */
  void backward(
      LinearParameters weights, LinearParameters gradients, Matrix x, Matrix dy, Matrix dx) {
    if (gradients.weight() != null) {
      products.gemm(1, true, dy, false, x, true, gradients.weight(), scratch);
    }
    products.gemm(1, false, dy, false, weights.weight(), false, dx, scratch);
    LinearParameters.Adapter adapter = weights.adapter();
    if (adapter == null) {
      return;
    }
    Matrix low = low(inner, adapter, x);
    Matrix dlow = dinner.top(x.rows()).columns(0, low.cols());
    long column = 0;
    for (int i = 0; i < adapter.ups().size(); i++) {
      Matrix up = adapter.ups().get(i);
      Matrix part = dy.columns(column, up.rows());
      Matrix dup = gradients.adapter().ups().get(i);
      products.gemm(scale, true, part, false, part(low, adapter, i), true, dup, scratch);
      products.gemm(scale, false, part, false, up, false, part(dlow, adapter, i), scratch);
      column += up.rows();
    }
    products.gemm(1, true, dlow, false, x, true, gradients.adapter().down(), scratch);
    products.gemm(1, false, dlow, false, adapter.down(), true, dx, scratch);
  }

  /** {@code x A^T} of all parts. */
  private Matrix low(Matrix buffer, LinearParameters.Adapter adapter, Matrix x) {
    Matrix low = buffer.top(x.rows()).columns(0, adapter.down().rows());
    products.gemm(1, false, x, true, adapter.down(), false, low, scratch);
    return low;
  }

  private static Matrix part(Matrix low, LinearParameters.Adapter adapter, int i) {
    return low.columns(i * adapter.rank(), adapter.rank());
  }
}
