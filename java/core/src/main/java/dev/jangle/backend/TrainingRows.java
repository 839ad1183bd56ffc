package dev.jangle.backend;

import static dev.jangle.backend.Shapes.address;
import static dev.jangle.backend.Shapes.bytes;
import static dev.jangle.backend.Shapes.query;
import static dev.jangle.backend.Shapes.requireDense;
import static dev.jangle.backend.Shapes.requireSame;
import static dev.jangle.backend.Shapes.requireShape;

import dev.jangle.ffi.Bindings;
import java.lang.foreign.MemorySegment;

/**
 * Training: the gradients of what is done to each row alone, the loss and the optimizer, under the
 * names of {@code jangle.h}. Shapes and bounds are checked here, so that a wrong call is an
 * exception and never touches foreign memory; what integers in device memory say is not, but the
 * header says what a wrong one gives. An output may not overlap an input unless a comment says so.
 *
 * <p>Scratch is a buffer of at least the bytes that the method with the operation's name gives; the
 * largest serves all. One thread at a time, with the {@link Kernels} that it was made from, whose
 * stream it uses and which it must not outlive.
 */
public final class TrainingRows {
  private final Backend backend;
  private final Bindings bindings;
  private final Kernels kernels;

  TrainingRows(Backend backend, Kernels kernels) {
    this.backend = backend;
    this.bindings = backend.bindings;
    this.kernels = kernels;
  }

  /** Sets bytes {@code [offset, offset + bytes)} of a buffer to 0. */
  public void zero(DeviceBuffer buffer, long offset, long bytes) {
    backend.check(
        bindings.trainingRows.zero(kernels.stream(), buffer.range(kernels, offset, bytes), bytes));
  }

  /** {@code out[i] = table[ids[i]]}; NaN for an id outside of the table. */
  public void gatherRows(DeviceBuffer ids, Matrix table, Matrix out) {
    requireShape("gatherRows: columns", out.cols(), table.cols());
    backend.check(
        bindings.trainingRows.gatherRows(
            kernels.stream(),
            out.rows(),
            out.cols(),
            ids.range(kernels, 0, out.rows() * Integer.BYTES),
            table.address(kernels),
            table.rows(),
            table.ld(),
            out.address(kernels),
            out.ld()));
  }

  /**
   * {@code dtable[ids[i]] += dout[i]}, rows of one id in ascending order.
   *
   * @param order the rows sorted by id, then by row
   */
  public void embedBackward(DeviceBuffer ids, DeviceBuffer order, Matrix dout, Matrix dtable) {
    requireShape("embedBackward: columns", dtable.cols(), dout.cols());
    backend.check(
        bindings.trainingRows.embedBackward(
            kernels.stream(),
            dout.rows(),
            dout.cols(),
            ids.range(kernels, 0, dout.rows() * Integer.BYTES),
            order.range(kernels, 0, dout.rows() * Integer.BYTES),
            dout.address(kernels),
            dout.ld(),
            dtable.address(kernels),
            dtable.rows(),
            dtable.ld()));
  }

  /** Bytes of scratch that {@link #rmsnormBackward} needs for runs of n elements. */
  public long rmsnormBackwardScratchBytes(long rows, long groups, long n) {
    return query(
        backend,
        out ->
            bindings.trainingRows.rmsnormBackwardScratchBytes(
                backend.context(), rows, groups, n, out));
  }

  /**
   * Gradients of {@link Kernels#rmsnorm} from its input.
   *
   * @param weight one row of cols / groups elements
   * @param accumulate whether to add to dx
   * @param dweight one row, added to; null where the weight is frozen
   */
  public void rmsnormBackward(
      Matrix x,
      long groups,
      Matrix weight,
      float eps,
      Matrix dy,
      boolean accumulate,
      Matrix dx,
      Matrix dweight,
      DeviceBuffer scratch) {
    requireSame("rmsnormBackward: dy", dy, x);
    requireSame("rmsnormBackward: dx", dx, x);
    requireShape("rmsnormBackward: rows of the weight", weight.rows(), 1);
    requireShape("rmsnormBackward: groups of the weight", weight.cols() * groups, x.cols());
    if (dweight != null) {
      requireSame("rmsnormBackward: dweight", dweight, weight);
    }
    backend.check(
        bindings.trainingRows.rmsnormBackward(
            kernels.stream(),
            x.rows(),
            groups,
            weight.cols(),
            x.address(kernels),
            x.ld(),
            weight.address(kernels),
            eps,
            dy.address(kernels),
            dy.ld(),
            accumulate ? 1 : 0,
            dx.address(kernels),
            dx.ld(),
            dweight == null ? MemorySegment.NULL : dweight.address(kernels),
            address(kernels, scratch),
            bytes(scratch)));
  }

  /**
   * Rotates the heads of x in place by each row's position, or back, which is the gradient.
   *
   * @param table rows are positions; columns the cosines, then the sines, of head_dim / 2 angles
   */
  public void ropeRows(
      DeviceBuffer positions, long headDim, Matrix table, boolean inverse, Matrix x) {
    requireShape("ropeRows: table", table.cols(), headDim);
    requireShape("ropeRows: table", table.ld(), headDim);
    requireShape("ropeRows: columns of whole heads", x.cols() / headDim * headDim, x.cols());
    backend.check(
        bindings.trainingRows.ropeRows(
            kernels.stream(),
            x.rows(),
            positions.range(kernels, 0, x.rows() * Integer.BYTES),
            x.cols() / headDim,
            headDim,
            table.address(kernels),
            table.rows(),
            inverse ? 1 : 0,
            x.address(kernels),
            x.ld()));
  }

  /**
   * Gradients of {@link Kernels#swiglu} from its inputs. The outputs may be the inputs: dgate and
   * dup those of gate and up, or one of them dout.
   */
  public void swigluBackward(Matrix gate, Matrix up, Matrix dout, Matrix dgate, Matrix dup) {
    requireSame("swigluBackward: up", up, gate);
    requireSame("swigluBackward: dout", dout, gate);
    requireSame("swigluBackward: dgate", dgate, gate);
    requireSame("swigluBackward: dup", dup, gate);
    requireShape("swigluBackward: row distance of up", up.ld(), gate.ld());
    requireShape("swigluBackward: row distance of dup", dup.ld(), dgate.ld());
    backend.check(
        bindings.trainingRows.swigluBackward(
            kernels.stream(),
            gate.rows(),
            gate.cols(),
            gate.address(kernels),
            up.address(kernels),
            gate.ld(),
            dout.address(kernels),
            dout.ld(),
            dgate.address(kernels),
            dup.address(kernels),
            dgate.ld()));
  }

  /**
   * Losses of rows of logits, which become the gradient times the row's weight. Row i of the logits
   * has element {@code first + i} of targets (int32, -1 = none), weights (float32) and losses
   * (float64, not weighted).
   */
  public void crossEntropy(
      Matrix logits, long first, DeviceBuffer targets, DeviceBuffer weights, DeviceBuffer losses) {
    long rows = logits.rows();
    long at = Math.toIntExact(first);
    backend.check(
        bindings.trainingRows.crossEntropy(
            kernels.stream(),
            rows,
            logits.cols(),
            logits.address(kernels),
            logits.ld(),
            targets.range(kernels, at * Integer.BYTES, rows * Integer.BYTES),
            weights.range(kernels, at * Float.BYTES, rows * Float.BYTES),
            losses.range(kernels, at * Double.BYTES, rows * Double.BYTES)));
  }

  /** Bytes of scratch that {@link #sumSquares} needs for n elements. */
  public long sumSquaresScratchBytes(long n) {
    return query(
        backend, out -> bindings.trainingRows.sumSquaresScratchBytes(backend.context(), n, out));
  }

  /** {@code sums[index] = sum of x^2}, in float64. x is dense. */
  public void sumSquares(Matrix x, DeviceBuffer sums, long index, DeviceBuffer scratch) {
    backend.check(
        bindings.trainingRows.sumSquares(
            kernels.stream(),
            requireDense("sumSquares: x", x),
            x.address(kernels),
            sums.range(kernels, Math.toIntExact(index) * (long) Double.BYTES, Double.BYTES),
            address(kernels, scratch),
            bytes(scratch)));
  }

  /**
   * One step of AdamW on dense matrices of one shape; see {@code jg_adamw}.
   *
   * @param m first moment, zero before the first step
   * @param v second moment, likewise
   * @param gradientScale factor on the gradient, of clipping
   * @param step counts from 1
   */
  public void adamw(
      Matrix weight,
      Matrix gradient,
      Matrix m,
      Matrix v,
      double rate,
      double beta1,
      double beta2,
      double eps,
      double decay,
      double gradientScale,
      long step) {
    long n = requireDense("adamw: weight", weight);
    requireShape("adamw: gradient", requireDense("adamw: gradient", gradient), n);
    requireShape("adamw: m", requireDense("adamw: m", m), n);
    requireShape("adamw: v", requireDense("adamw: v", v), n);
    backend.check(
        bindings.trainingRows.adamw(
            kernels.stream(),
            n,
            weight.address(kernels),
            gradient.address(kernels),
            m.address(kernels),
            v.address(kernels),
            rate,
            beta1,
            beta2,
            eps,
            decay,
            gradientScale,
            step));
  }
}
