package dev.jangle.backend;

import static dev.jangle.backend.Shapes.address;
import static dev.jangle.backend.Shapes.bytes;
import static dev.jangle.backend.Shapes.query;
import static dev.jangle.backend.Shapes.requireAlike;
import static dev.jangle.backend.Shapes.requireSame;
import static dev.jangle.backend.Shapes.requireShape;

import dev.jangle.ffi.Bindings;
import dev.jangle.format.DType;
import java.lang.foreign.MemorySegment;

/**
 * Training: products of plain matrices and attention over packed samples, with their gradients,
 * under the names of {@code jangle.h}. Shapes and bounds are checked here, so that a wrong call is
 * an exception and never touches foreign memory; what integers in device memory say is not, but the
 * header says what a wrong one gives. An output may not overlap an input unless a comment says so.
 *
 * <p>Scratch is a buffer of at least the bytes that the method with the operation's name gives; the
 * largest serves all. One thread at a time, with the {@link Kernels} that it was made from, whose
 * stream it uses and which it must not outlive.
 */
public final class TrainingProducts {
  private final Backend backend;
  private final Bindings bindings;
  private final Kernels kernels;
  private final int products;

  TrainingProducts(Backend backend, Kernels kernels, DType products) {
    if (products != DType.F32 && products != DType.BF16) {
      throw new IllegalArgumentException(
          "training multiplies as F32 or BF16; found %s".formatted(products));
    }
    this.backend = backend;
    this.bindings = backend.bindings;
    this.kernels = kernels;
    this.products = products.code();
  }

  /** Bytes of scratch that {@link #gemm} needs for a product [m][k] by [k][n]. */
  public long gemmScratchBytes(long m, long n, long k) {
    return query(
        backend,
        out ->
            bindings.trainingProducts.gemmScratchBytes(backend.context(), products, m, n, k, out));
  }

  /**
   * {@code c = alpha * op(a) * op(b) (+ c)}.
   *
   * @param transposeA whether a holds op(a) transposed
   * @param transposeB whether b holds op(b) transposed, as a weight [outputs][inputs] does
   * @param accumulate whether to add to c
   */
  public void gemm(
      float alpha,
      boolean transposeA,
      Matrix a,
      boolean transposeB,
      Matrix b,
      boolean accumulate,
      Matrix c,
      DeviceBuffer scratch) {
    long k = transposeA ? a.rows() : a.cols();
    requireShape("gemm: rows of c", c.rows(), transposeA ? a.cols() : a.rows());
    requireShape("gemm: columns of c", c.cols(), transposeB ? b.rows() : b.cols());
    requireShape("gemm: inner size of b", transposeB ? b.cols() : b.rows(), k);
    backend.check(
        bindings.trainingProducts.gemm(
            kernels.stream(),
            products,
            c.rows(),
            c.cols(),
            k,
            alpha,
            transposeA ? 1 : 0,
            a.address(kernels),
            a.ld(),
            transposeB ? 1 : 0,
            b.address(kernels),
            b.ld(),
            accumulate ? 1 : 0,
            c.address(kernels),
            c.ld(),
            address(kernels, scratch),
            bytes(scratch)));
  }

  /** Bytes of scratch that {@link #attentionForward} needs. */
  public long attentionForwardScratchBytes(long rows, long heads, long kvHeads, long headDim) {
    return query(
        backend,
        out ->
            bindings.trainingProducts.attentionForwardScratchBytes(
                backend.context(), rows, heads, kvHeads, headDim, out));
  }

  /** Bytes of scratch that {@link #attentionBackward} needs. */
  public long attentionBackwardScratchBytes(long rows, long heads, long kvHeads, long headDim) {
    return query(
        backend,
        out ->
            bindings.trainingProducts.attentionBackwardScratchBytes(
                backend.context(), rows, heads, kvHeads, headDim, out));
  }

  /**
   * Causal attention over packed samples: row i attends rows {@code start[i]} to i, but for its
   * gap. The CPU takes heads of any size, a GPU refuses those of more than 256 elements.
   *
   * @param start int32 per row: the first row of its sample, ascending
   * @param gaps two int32 per row: the first row of its sample that it does not attend, and the
   *     first behind those; null where no row has a gap
   * @param lse [rows][heads], dense: what {@link #attentionBackward} needs
   */
  public void attentionForward(
      DeviceBuffer start,
      DeviceBuffer gaps,
      long headDim,
      float scale,
      Matrix q,
      Matrix k,
      Matrix v,
      Matrix out,
      Matrix lse,
      DeviceBuffer scratch) {
    requireAttention(headDim, q, k, v, out, lse);
    backend.check(
        bindings.trainingProducts.attentionForward(
            kernels.stream(),
            q.rows(),
            start.range(kernels, 0, q.rows() * Integer.BYTES),
            gaps == null
                ? MemorySegment.NULL
                : gaps.range(kernels, 0, 2 * q.rows() * Integer.BYTES),
            q.cols() / headDim,
            k.cols() / headDim,
            headDim,
            scale,
            q.address(kernels),
            q.ld(),
            k.address(kernels),
            v.address(kernels),
            k.ld(),
            out.address(kernels),
            out.ld(),
            lse.address(kernels),
            address(kernels, scratch),
            bytes(scratch)));
  }

  /**
   * Gradients of {@link #attentionForward} from its inputs and outputs. dq has the row distance of
   * q, dk and dv that of k and v, dout that of out.
   */
  public void attentionBackward(
      DeviceBuffer start,
      DeviceBuffer gaps,
      long headDim,
      float scale,
      Matrix q,
      Matrix k,
      Matrix v,
      Matrix out,
      Matrix lse,
      Matrix dout,
      Matrix dq,
      Matrix dk,
      Matrix dv,
      DeviceBuffer scratch) {
    requireAttention(headDim, q, k, v, out, lse);
    requireAlike("attentionBackward: dout", dout, out);
    requireAlike("attentionBackward: dq", dq, q);
    requireAlike("attentionBackward: dk", dk, k);
    requireAlike("attentionBackward: dv", dv, v);
    backend.check(
        bindings.trainingProducts.attentionBackward(
            kernels.stream(),
            q.rows(),
            start.range(kernels, 0, q.rows() * Integer.BYTES),
            gaps == null
                ? MemorySegment.NULL
                : gaps.range(kernels, 0, 2 * q.rows() * Integer.BYTES),
            q.cols() / headDim,
            k.cols() / headDim,
            headDim,
            scale,
            q.address(kernels),
            q.ld(),
            k.address(kernels),
            v.address(kernels),
            k.ld(),
            out.address(kernels),
            dout.address(kernels),
            out.ld(),
            lse.address(kernels),
            dq.address(kernels),
            dk.address(kernels),
            dv.address(kernels),
            address(kernels, scratch),
            bytes(scratch)));
  }

  private static void requireAttention(
      long headDim, Matrix q, Matrix k, Matrix v, Matrix out, Matrix lse) {
    if (headDim < 1) {
      throw new IllegalArgumentException("attention: heads of " + headDim);
    }
    requireShape("attention: queries of whole heads", q.cols() / headDim * headDim, q.cols());
    requireShape("attention: keys of whole heads", k.cols() / headDim * headDim, k.cols());
    requireShape("attention: rows of keys", k.rows(), q.rows());
    requireAlike("attention: values", v, k);
    requireSame("attention: outputs", out, q);
    requireShape("attention: rows of lse", lse.rows(), q.rows());
    requireShape("attention: columns of lse", lse.cols(), q.cols() / headDim);
    requireShape("attention: row distance of lse", lse.ld(), lse.cols());
  }
}
