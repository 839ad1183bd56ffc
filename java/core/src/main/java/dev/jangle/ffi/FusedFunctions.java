package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Operations that stand for several. See {@link Bindings}. */
public final class FusedFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle FUSED_MATMUL_SCRATCH_BYTES =
      DOWNCALLS.of(
          "jg_fused_matmul_scratch_bytes",
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS);
  private static final MethodHandle RMSNORM_MATMUL =
      DOWNCALLS.of(
          "jg_rmsnorm_matmul",
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_FLOAT,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle SWIGLU_MATMUL =
      DOWNCALLS.of(
          "jg_swiglu_matmul",
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle ROPE_APPEND =
      DOWNCALLS.of(
          "jg_rope_append",
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_INT,
          ADDRESS);

  private final MemorySegment fusedMatmulScratchBytes;
  private final MemorySegment rmsnormMatmul;
  private final MemorySegment swigluMatmul;
  private final MemorySegment ropeAppend;

  FusedFunctions(Library library) {
    fusedMatmulScratchBytes = library.function("jg_fused_matmul_scratch_bytes");
    rmsnormMatmul = library.function("jg_rmsnorm_matmul");
    swigluMatmul = library.function("jg_swiglu_matmul");
    ropeAppend = library.function("jg_rope_append");
  }

  public int fusedMatmulScratchBytes(
      MemorySegment context, int dtype, long n, long k, long rows, MemorySegment scratchBytes) {
    try {
      return (int)
          FUSED_MATMUL_SCRATCH_BYTES.invokeExact(
              fusedMatmulScratchBytes, context, dtype, n, k, rows, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int rmsnormMatmul(
      MemorySegment stream,
      int dtype,
      long n,
      long k,
      MemorySegment packed,
      long rows,
      MemorySegment x,
      long ldx,
      MemorySegment norm,
      float eps,
      MemorySegment y,
      long ldy,
      MemorySegment bias,
      int accumulate,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          RMSNORM_MATMUL.invokeExact(
              rmsnormMatmul,
              stream,
              dtype,
              n,
              k,
              packed,
              rows,
              x,
              ldx,
              norm,
              eps,
              y,
              ldy,
              bias,
              accumulate,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int swigluMatmul(
      MemorySegment stream,
      int dtype,
      long n,
      long k,
      MemorySegment packed,
      long rows,
      MemorySegment gate,
      MemorySegment up,
      long ldx,
      MemorySegment y,
      long ldy,
      MemorySegment bias,
      int accumulate,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          SWIGLU_MATMUL.invokeExact(
              swigluMatmul,
              stream,
              dtype,
              n,
              k,
              packed,
              rows,
              gate,
              up,
              ldx,
              y,
              ldy,
              bias,
              accumulate,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int ropeAppend(
      MemorySegment stream,
      MemorySegment batch,
      long heads,
      long kvHeads,
      long headDim,
      MemorySegment table,
      long tablePositions,
      MemorySegment q,
      long ldq,
      MemorySegment k,
      long ldk,
      MemorySegment v,
      long ldv,
      int dtype,
      MemorySegment kvPages) {
    try {
      return (int)
          ROPE_APPEND.invokeExact(
              ropeAppend,
              stream,
              batch,
              heads,
              kvHeads,
              headDim,
              table,
              tablePositions,
              q,
              ldq,
              k,
              ldk,
              v,
              ldv,
              dtype,
              kvPages);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
