package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Training: what is done to each row alone, to a table of rows, or to plain arrays. See {@link
 * Bindings}.
 */
public final class TrainingRowFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle ZERO = DOWNCALLS.of("jg_zero", ADDRESS, ADDRESS, JAVA_LONG);
  private static final MethodHandle GATHER_ROWS =
      DOWNCALLS.of(
          "jg_gather_rows",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle EMBED_BACKWARD =
      DOWNCALLS.of(
          "jg_embed_backward",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG);
  private static final MethodHandle RMSNORM_BACKWARD_SCRATCH_BYTES =
      DOWNCALLS.of(
          "jg_rmsnorm_backward_scratch_bytes", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS);
  private static final MethodHandle RMSNORM_BACKWARD =
      DOWNCALLS.of(
          "jg_rmsnorm_backward",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_LONG,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle ROPE_ROWS =
      DOWNCALLS.of(
          "jg_rope_rows",
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle SWIGLU_BACKWARD =
      DOWNCALLS.of(
          "jg_swiglu_backward",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle CROSS_ENTROPY =
      DOWNCALLS.of(
          "jg_cross_entropy",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS);
  private static final MethodHandle SUM_SQUARES_SCRATCH_BYTES =
      DOWNCALLS.of("jg_sum_squares_scratch_bytes", ADDRESS, JAVA_LONG, ADDRESS);
  private static final MethodHandle SUM_SQUARES =
      DOWNCALLS.of("jg_sum_squares", ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG);
  private static final MethodHandle ADAMW =
      DOWNCALLS.of(
          "jg_adamw",
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_DOUBLE,
          JAVA_DOUBLE,
          JAVA_DOUBLE,
          JAVA_DOUBLE,
          JAVA_DOUBLE,
          JAVA_DOUBLE,
          JAVA_LONG);

  private final MemorySegment zero;
  private final MemorySegment gatherRows;
  private final MemorySegment embedBackward;
  private final MemorySegment rmsnormBackwardScratchBytes;
  private final MemorySegment rmsnormBackward;
  private final MemorySegment ropeRows;
  private final MemorySegment swigluBackward;
  private final MemorySegment crossEntropy;
  private final MemorySegment sumSquaresScratchBytes;
  private final MemorySegment sumSquares;
  private final MemorySegment adamw;

  TrainingRowFunctions(Library library) {
    zero = library.function("jg_zero");
    gatherRows = library.function("jg_gather_rows");
    embedBackward = library.function("jg_embed_backward");
    rmsnormBackwardScratchBytes = library.function("jg_rmsnorm_backward_scratch_bytes");
    rmsnormBackward = library.function("jg_rmsnorm_backward");
    ropeRows = library.function("jg_rope_rows");
    swigluBackward = library.function("jg_swiglu_backward");
    crossEntropy = library.function("jg_cross_entropy");
    sumSquaresScratchBytes = library.function("jg_sum_squares_scratch_bytes");
    sumSquares = library.function("jg_sum_squares");
    adamw = library.function("jg_adamw");
  }

  public int zero(MemorySegment stream, MemorySegment buffer, long bytes) {
    try {
      return (int) ZERO.invokeExact(zero, stream, buffer, bytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int gatherRows(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment ids,
      MemorySegment table,
      long tableRows,
      long ldtable,
      MemorySegment out,
      long ldout) {
    try {
      return (int)
          GATHER_ROWS.invokeExact(
              gatherRows, stream, rows, n, ids, table, tableRows, ldtable, out, ldout);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int embedBackward(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment ids,
      MemorySegment order,
      MemorySegment dout,
      long lddout,
      MemorySegment dtable,
      long tableRows,
      long lddtable) {
    try {
      return (int)
          EMBED_BACKWARD.invokeExact(
              embedBackward,
              stream,
              rows,
              n,
              ids,
              order,
              dout,
              lddout,
              dtable,
              tableRows,
              lddtable);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int rmsnormBackwardScratchBytes(
      MemorySegment context, long rows, long groups, long n, MemorySegment scratchBytes) {
    try {
      return (int)
          RMSNORM_BACKWARD_SCRATCH_BYTES.invokeExact(
              rmsnormBackwardScratchBytes, context, rows, groups, n, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int rmsnormBackward(
      MemorySegment stream,
      long rows,
      long groups,
      long n,
      MemorySegment x,
      long ldx,
      MemorySegment weight,
      float eps,
      MemorySegment dy,
      long lddy,
      int accumulate,
      MemorySegment dx,
      long lddx,
      MemorySegment dweight,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          RMSNORM_BACKWARD.invokeExact(
              rmsnormBackward,
              stream,
              rows,
              groups,
              n,
              x,
              ldx,
              weight,
              eps,
              dy,
              lddy,
              accumulate,
              dx,
              lddx,
              dweight,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int ropeRows(
      MemorySegment stream,
      long rows,
      MemorySegment positions,
      long heads,
      long headDim,
      MemorySegment table,
      long tablePositions,
      int inverse,
      MemorySegment x,
      long ldx) {
    try {
      return (int)
          ROPE_ROWS.invokeExact(
              ropeRows,
              stream,
              rows,
              positions,
              heads,
              headDim,
              table,
              tablePositions,
              inverse,
              x,
              ldx);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int swigluBackward(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment gate,
      MemorySegment up,
      long ldx,
      MemorySegment dout,
      long lddout,
      MemorySegment dgate,
      MemorySegment dup,
      long lddx) {
    try {
      return (int)
          SWIGLU_BACKWARD.invokeExact(
              swigluBackward, stream, rows, n, gate, up, ldx, dout, lddout, dgate, dup, lddx);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int crossEntropy(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment logits,
      long ldlogits,
      MemorySegment targets,
      MemorySegment weights,
      MemorySegment loss) {
    try {
      return (int)
          CROSS_ENTROPY.invokeExact(
              crossEntropy, stream, rows, n, logits, ldlogits, targets, weights, loss);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int sumSquaresScratchBytes(MemorySegment context, long n, MemorySegment scratchBytes) {
    try {
      return (int)
          SUM_SQUARES_SCRATCH_BYTES.invokeExact(sumSquaresScratchBytes, context, n, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int sumSquares(
      MemorySegment stream,
      long n,
      MemorySegment x,
      MemorySegment sum,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int) SUM_SQUARES.invokeExact(sumSquares, stream, n, x, sum, scratch, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int adamw(
      MemorySegment stream,
      long n,
      MemorySegment weight,
      MemorySegment gradient,
      MemorySegment m,
      MemorySegment v,
      double rate,
      double beta1,
      double beta2,
      double eps,
      double decay,
      double gradientScale,
      long step) {
    try {
      return (int)
          ADAMW.invokeExact(
              adamw,
              stream,
              n,
              weight,
              gradient,
              m,
              v,
              rate,
              beta1,
              beta2,
              eps,
              decay,
              gradientScale,
              step);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
