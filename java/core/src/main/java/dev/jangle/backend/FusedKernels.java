package dev.jangle.backend;

import static dev.jangle.backend.Shapes.requireSame;
import static dev.jangle.backend.Shapes.requireShape;

import dev.jangle.ffi.Bindings;
import java.lang.foreign.MemorySegment;

/**
 * Operations of {@code jangle.h} that stand for several, on the stream of {@link Kernels}: the same
 * bits in less time. One thread at a time.
 */
public final class FusedKernels {
  private final Backend backend;
  private final Kernels kernels;
  private final Bindings bindings;

  FusedKernels(Backend backend, Kernels kernels) {
    this.backend = backend;
    this.kernels = kernels;
    this.bindings = backend.bindings;
  }

  /** Bytes of scratch that a product here needs for up to {@code rows} rows; more than 0. */
  public long matmulScratchBytes(PackedWeight weight, long rows) {
    return Shapes.query(
        backend,
        out ->
            bindings.fused.fusedMatmulScratchBytes(
                backend.context(), weight.dtype().code(), weight.n(), weight.k(), rows, out));
  }

  /**
   * {@code y = norm(x) w^T (+ bias) (+ y)}: {@link Kernels#rmsnorm} of whole rows, then {@link
   * Kernels#matmul}.
   *
   * @param norm k elements
   * @param bias n elements, or null
   * @param accumulate whether to add to y
   * @param scratch of {@link #matmulScratchBytes}
   */
  public void rmsnormMatmul(
      PackedWeight weight,
      Matrix x,
      DeviceBuffer norm,
      float eps,
      Matrix y,
      DeviceBuffer bias,
      boolean accumulate,
      DeviceBuffer scratch) {
    requireProduct("rmsnormMatmul", weight, x, y);
    backend.check(
        bindings.fused.rmsnormMatmul(
            kernels.stream(),
            weight.dtype().code(),
            weight.n(),
            weight.k(),
            weight.address(kernels),
            x.rows(),
            x.address(kernels),
            x.ld(),
            norm.range(kernels, 0, weight.k() * Float.BYTES),
            eps,
            y.address(kernels),
            y.ld(),
            address(bias, weight),
            accumulate ? 1 : 0,
            Shapes.address(kernels, scratch),
            Shapes.bytes(scratch)));
  }

  /**
   * {@code y = (silu(gate) * up) w^T (+ bias) (+ y)}: {@link Kernels#swiglu}, then {@link
   * Kernels#matmul}.
   *
   * @param bias n elements, or null
   * @param accumulate whether to add to y
   * @param scratch of {@link #matmulScratchBytes}
   */
  public void swigluMatmul(
      PackedWeight weight,
      Matrix gate,
      Matrix up,
      Matrix y,
      DeviceBuffer bias,
      boolean accumulate,
      DeviceBuffer scratch) {
    requireProduct("swigluMatmul", weight, gate, y);
    requireSame("swigluMatmul: up", up, gate);
    requireShape("swigluMatmul: row distance", up.ld(), gate.ld());
    backend.check(
        bindings.fused.swigluMatmul(
            kernels.stream(),
            weight.dtype().code(),
            weight.n(),
            weight.k(),
            weight.address(kernels),
            gate.rows(),
            gate.address(kernels),
            up.address(kernels),
            gate.ld(),
            y.address(kernels),
            y.ld(),
            address(bias, weight),
            accumulate ? 1 : 0,
            Shapes.address(kernels, scratch),
            Shapes.bytes(scratch)));
  }

  /**
   * {@link Kernels#rope} of queries and keys, then {@link Kernels#kvAppend}. What is left in k
   * means nothing.
   *
   * @param table rows are positions; columns the cosines, then the sines, of head_dim / 2 angles
   */
  public void ropeAppend(Batch batch, Matrix table, Matrix q, Matrix k, Matrix v, KvLayer layer) {
    long headDim = layer.headDim();
    kernels.requireRows(batch, q);
    kernels.requireRows(batch, k);
    kernels.requireRows(batch, v);
    kernels.requirePages(batch, layer);
    kernels.atLaunch(() -> batch.requirePositions(table.rows()));
    requireShape("ropeAppend: table", table.cols(), headDim);
    requireShape("ropeAppend: table", table.ld(), headDim);
    requireShape("ropeAppend: columns of whole heads", q.cols() / headDim * headDim, q.cols());
    requireShape("ropeAppend: keys", k.cols(), layer.kvHeads() * headDim);
    requireShape("ropeAppend: values", v.cols(), k.cols());
    backend.check(
        bindings.fused.ropeAppend(
            kernels.stream(),
            batch.handle(kernels),
            q.cols() / headDim,
            layer.kvHeads(),
            headDim,
            table.address(kernels),
            table.rows(),
            q.address(kernels),
            q.ld(),
            k.address(kernels),
            k.ld(),
            v.address(kernels),
            v.ld(),
            layer.dtype().code(),
            layer.address(kernels)));
  }

  private static void requireProduct(String call, PackedWeight weight, Matrix x, Matrix y) {
    requireShape(call + ": inputs", x.cols(), weight.k());
    requireShape(call + ": outputs", y.cols(), weight.n());
    requireShape(call + ": rows", y.rows(), x.rows());
  }

  private MemorySegment address(DeviceBuffer bias, PackedWeight weight) {
    return bias == null ? MemorySegment.NULL : bias.range(kernels, 0, weight.n() * Float.BYTES);
  }
}
