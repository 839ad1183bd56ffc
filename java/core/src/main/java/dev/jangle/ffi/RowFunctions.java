package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * What is done to each row alone: normalisation, activation, addition, and the choice of a token.
 * See {@link Bindings}.
 */
public final class RowFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle RMSNORM =
      DOWNCALLS.of(
          "jg_rmsnorm",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle SWIGLU =
      DOWNCALLS.of(
          "jg_swiglu",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle RESIDUAL =
      DOWNCALLS.of(
          "jg_residual", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG);
  private static final MethodHandle ARGMAX =
      DOWNCALLS.of("jg_argmax", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS);
  private static final MethodHandle TOPK =
      DOWNCALLS.of(
          "jg_topk", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS,
          ADDRESS);
  private static final MethodHandle SAMPLE_SCRATCH_BYTES =
      DOWNCALLS.of("jg_sample_scratch_bytes", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
  private static final MethodHandle SAMPLE =
      DOWNCALLS.of(
          "jg_sample",
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG);

  private final MemorySegment rmsnorm;
  private final MemorySegment swiglu;
  private final MemorySegment residual;
  private final MemorySegment argmax;
  private final MemorySegment topkFunction;
  private final MemorySegment sampleScratchBytes;
  private final MemorySegment sample;

  RowFunctions(Library library) {
    rmsnorm = library.function("jg_rmsnorm");
    swiglu = library.function("jg_swiglu");
    residual = library.function("jg_residual");
    argmax = library.function("jg_argmax");
    topkFunction = library.function("jg_topk");
    sampleScratchBytes = library.function("jg_sample_scratch_bytes");
    sample = library.function("jg_sample");
  }

  public int rmsnorm(
      MemorySegment stream,
      long rows,
      long groups,
      long n,
      MemorySegment x,
      long ldx,
      MemorySegment weight,
      float eps,
      MemorySegment y,
      long ldy) {
    try {
      return (int)
          RMSNORM.invokeExact(rmsnorm, stream, rows, groups, n, x, ldx, weight, eps, y, ldy);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int swiglu(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment gate,
      MemorySegment up,
      long ldx,
      MemorySegment out,
      long ldout) {
    try {
      return (int) SWIGLU.invokeExact(swiglu, stream, rows, n, gate, up, ldx, out, ldout);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int residual(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment x,
      long ldx,
      MemorySegment y,
      long ldy) {
    try {
      return (int) RESIDUAL.invokeExact(residual, stream, rows, n, x, ldx, y, ldy);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int argmax(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment logits,
      long ldlogits,
      MemorySegment ids) {
    try {
      return (int) ARGMAX.invokeExact(argmax, stream, rows, n, logits, ldlogits, ids);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int topk(
      MemorySegment stream,
      long rows,
      long n,
      long k,
      MemorySegment logits,
      long ldlogits,
      MemorySegment ids,
      MemorySegment values) {
    try {
      return (int)
          TOPK.invokeExact(topkFunction, stream, rows, n, k, logits, ldlogits, ids, values);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int sampleScratchBytes(
      MemorySegment context, long rows, long n, MemorySegment scratchBytes) {
    try {
      return (int)
          SAMPLE_SCRATCH_BYTES.invokeExact(sampleScratchBytes, context, rows, n, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int sample(
      MemorySegment stream,
      MemorySegment batch,
      long firstRow,
      long rows,
      long n,
      MemorySegment logits,
      long ldlogits,
      MemorySegment ids,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          SAMPLE.invokeExact(
              sample,
              stream,
              batch,
              firstRow,
              rows,
              n,
              logits,
              ldlogits,
              ids,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
