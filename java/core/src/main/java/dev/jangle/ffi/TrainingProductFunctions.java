package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Training: what multiplies matrices. See {@link Bindings}. */
public final class TrainingProductFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle GEMM_SCRATCH_BYTES =
      DOWNCALLS.of(
          "jg_gemm_scratch_bytes", ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS);
  private static final MethodHandle GEMM =
      DOWNCALLS.of(
          "jg_gemm",
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle ATTENTION_FORWARD_SCRATCH_BYTES =
      DOWNCALLS.of(
          "jg_attention_forward_scratch_bytes",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS);
  private static final MethodHandle ATTENTION_BACKWARD_SCRATCH_BYTES =
      DOWNCALLS.of(
          "jg_attention_backward_scratch_bytes",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS);
  private static final MethodHandle ATTENTION_FORWARD =
      DOWNCALLS.of(
          "jg_attention_forward",
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle ATTENTION_BACKWARD =
      DOWNCALLS.of(
          "jg_attention_backward",
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG);

  private final MemorySegment gemmScratchBytes;
  private final MemorySegment gemm;
  private final MemorySegment attentionForwardScratchBytes;
  private final MemorySegment attentionBackwardScratchBytes;
  private final MemorySegment attentionForward;
  private final MemorySegment attentionBackward;

  TrainingProductFunctions(Library library) {
    gemmScratchBytes = library.function("jg_gemm_scratch_bytes");
    gemm = library.function("jg_gemm");
    attentionForwardScratchBytes = library.function("jg_attention_forward_scratch_bytes");
    attentionBackwardScratchBytes = library.function("jg_attention_backward_scratch_bytes");
    attentionForward = library.function("jg_attention_forward");
    attentionBackward = library.function("jg_attention_backward");
  }

  public int gemmScratchBytes(
      MemorySegment context, int products, long m, long n, long k, MemorySegment scratchBytes) {
    try {
      return (int)
          GEMM_SCRATCH_BYTES.invokeExact(
              gemmScratchBytes, context, products, m, n, k, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int gemm(
      MemorySegment stream,
      int products,
      long m,
      long n,
      long k,
      float alpha,
      int transposeA,
      MemorySegment a,
      long lda,
      int transposeB,
      MemorySegment b,
      long ldb,
      int accumulate,
      MemorySegment c,
      long ldc,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          GEMM.invokeExact(
              gemm,
              stream,
              products,
              m,
              n,
              k,
              alpha,
              transposeA,
              a,
              lda,
              transposeB,
              b,
              ldb,
              accumulate,
              c,
              ldc,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int attentionForwardScratchBytes(
      MemorySegment context,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment scratchBytes) {
    try {
      return (int)
          ATTENTION_FORWARD_SCRATCH_BYTES.invokeExact(
              attentionForwardScratchBytes, context, rows, heads, kvHeads, headDim, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int attentionBackwardScratchBytes(
      MemorySegment context,
      long rows,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment scratchBytes) {
    try {
      return (int)
          ATTENTION_BACKWARD_SCRATCH_BYTES.invokeExact(
              attentionBackwardScratchBytes, context, rows, heads, kvHeads, headDim, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int attentionForward(
      MemorySegment stream,
      long rows,
      MemorySegment start,
      MemorySegment gaps,
      long heads,
      long kvHeads,
      long headDim,
      float scale,
      MemorySegment q,
      long ldq,
      MemorySegment k,
      MemorySegment v,
      long ldkv,
      MemorySegment out,
      long ldout,
      MemorySegment lse,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          ATTENTION_FORWARD.invokeExact(
              attentionForward,
              stream,
              rows,
              start,
              gaps,
              heads,
              kvHeads,
              headDim,
              scale,
              q,
              ldq,
              k,
              v,
              ldkv,
              out,
              ldout,
              lse,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int attentionBackward(
      MemorySegment stream,
      long rows,
      MemorySegment start,
      MemorySegment gaps,
      long heads,
      long kvHeads,
      long headDim,
      float scale,
      MemorySegment q,
      long ldq,
      MemorySegment k,
      MemorySegment v,
      long ldkv,
      MemorySegment out,
      MemorySegment dout,
      long ldout,
      MemorySegment lse,
      MemorySegment dq,
      MemorySegment dk,
      MemorySegment dv,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          ATTENTION_BACKWARD.invokeExact(
              attentionBackward,
              stream,
              rows,
              start,
              gaps,
              heads,
              kvHeads,
              headDim,
              scale,
              q,
              ldq,
              k,
              v,
              ldkv,
              out,
              dout,
              ldout,
              lse,
              dq,
              dk,
              dv,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
