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
    bindings.check(
        bindings.trainingRows.zero(kernels.stream(), buffer.range(offset, bytes), bytes));
  }

  /** {@code out[i] = table[ids[i]]}; NaN for an id outside of the table. */
  public void gatherRows(DeviceBuffer ids, Matrix table, Matrix out) {
    requireShape("gatherRows: columns", out.cols(), table.cols());
    bindings.check(
        bindings.trainingRows.gatherRows(
            kernels.stream(),
            out.rows(),
            out.cols(),
            ids.range(0, out.rows() * Integer.BYTES),
            table.address(),
            table.rows(),
            table.ld(),
            out.address(),
            out.ld()));
  }

  /**
   * {@code dtable[ids[i]] += dout[i]}, rows of one id in ascending order.
   *
   * @param order the rows sorted by id, then by row
   */
  public void embedBackward(DeviceBuffer ids, DeviceBuffer order, Matrix dout, Matrix dtable) {
    requireShape("embedBackward: columns", dtable.cols(), dout.cols());
    bindings.check(
        bindings.trainingRows.embedBackward(
            kernels.stream(),
            dout.rows(),
            dout.cols(),
            ids.range(0, dout.rows() * Integer.BYTES),
            order.range(0, dout.rows() * Integer.BYTES),
            dout.address(),
            dout.ld(),
            dtable.address(),
            dtable.rows(),
            dtable.ld()));
  }

  /** Bytes of scratch that {@link #rmsnormBackward} needs for runs of n elements. */
  public long rmsnormBackwardScratchBytes(long rows, long groups, long n) {
    return query(
        bindings,
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
    bindings.check(
        bindings.trainingRows.rmsnormBackward(
            kernels.stream(),
            x.rows(),
            groups,
            weight.cols(),
            x.address(),
            x.ld(),
            weight.address(),
            eps,
            dy.address(),
            dy.ld(),
            accumulate ? 1 : 0,
            dx.address(),
            dx.ld(),
            dweight == null ? MemorySegment.NULL : dweight.address(),
            address(scratch),
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
    bindings.check(
        bindings.trainingRows.ropeRows(
            kernels.stream(),
            x.rows(),
            positions.range(0, x.rows() * Integer.BYTES),
            x.cols() / headDim,
            headDim,
            table.address(),
            table.rows(),
            inverse ? 1 : 0,
            x.address(),
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
    bindings.check(
        bindings.trainingRows.swigluBackward(
            kernels.stream(),
            gate.rows(),
            gate.cols(),
            gate.address(),
            up.address(),
            gate.ld(),
            dout.address(),
            dout.ld(),
            dgate.address(),
            dup.address(),
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
    bindings.check(
        bindings.trainingRows.crossEntropy(
            kernels.stream(),
            rows,
            logits.cols(),
            logits.address(),
            logits.ld(),
            targets.range(at * Integer.BYTES, rows * Integer.BYTES),
            weights.range(at * Float.BYTES, rows * Float.BYTES),
            losses.range(at * Double.BYTES, rows * Double.BYTES)));
  }

  /** Bytes of scratch that {@link #sumSquares} needs for n elements. */
  public long sumSquaresScratchBytes(long n) {
    return query(
        bindings, out -> bindings.trainingRows.sumSquaresScratchBytes(backend.context(), n, out));
  }

  /** {@code sums[index] = sum of x^2}, in float64. x is dense. */
  public void sumSquares(Matrix x, DeviceBuffer sums, long index, DeviceBuffer scratch) {
    bindings.check(
        bindings.trainingRows.sumSquares(
            kernels.stream(),
            requireDense("sumSquares: x", x),
            x.address(),
            sums.range(Math.toIntExact(index) * (long) Double.BYTES, Double.BYTES),
            address(scratch),
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
    bindings.check(
        bindings.trainingRows.adamw(
            kernels.stream(),
            n,
            weight.address(),
            gradient.address(),
            m.address(),
            v.address(),
            rate,
            beta1,
            beta2,
            eps,
            decay,
            gradientScale,
            step));
  }
}
