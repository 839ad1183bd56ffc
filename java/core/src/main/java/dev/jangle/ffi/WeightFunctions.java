package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Packing a weight, and the operations that read one. See {@link Bindings}. */
public final class WeightFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle PACK_BYTES =
      DOWNCALLS.of("jg_pack_bytes", ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS);
  private static final MethodHandle PACK =
      DOWNCALLS.of(
          "jg_pack", ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS,
          JAVA_LONG, ADDRESS);
  private static final MethodHandle EMBED =
      DOWNCALLS.of(
          "jg_embed",
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG);
  private static final MethodHandle MATMUL_SCRATCH_BYTES =
      DOWNCALLS.of(
          "jg_matmul_scratch_bytes", ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS);
  private static final MethodHandle MATMUL =
      DOWNCALLS.of(
          "jg_matmul",
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          JAVA_LONG);

  private final MemorySegment packBytes;
  private final MemorySegment pack;
  private final MemorySegment embed;
  private final MemorySegment matmulScratchBytes;
  private final MemorySegment matmul;

  WeightFunctions(Library library) {
    packBytes = library.function("jg_pack_bytes");
    pack = library.function("jg_pack");
    embed = library.function("jg_embed");
    matmulScratchBytes = library.function("jg_matmul_scratch_bytes");
    matmul = library.function("jg_matmul");
  }

  public int packBytes(
      MemorySegment context, int dtype, long n, long k, MemorySegment packedBytes) {
    try {
      return (int) PACK_BYTES.invokeExact(packBytes, context, dtype, n, k, packedBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int pack(
      MemorySegment stream,
      int dtype,
      long n,
      long k,
      long nOffset,
      long nRows,
      MemorySegment source,
      long sourceBytes,
      MemorySegment packed) {
    try {
      return (int)
          PACK.invokeExact(pack, stream, dtype, n, k, nOffset, nRows, source, sourceBytes, packed);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int embed(
      MemorySegment stream,
      MemorySegment batch,
      int dtype,
      long n,
      long k,
      MemorySegment packed,
      MemorySegment out,
      long ldout) {
    try {
      return (int) EMBED.invokeExact(embed, stream, batch, dtype, n, k, packed, out, ldout);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int matmulScratchBytes(
      MemorySegment context, int dtype, long n, long k, long rows, MemorySegment scratchBytes) {
    try {
      return (int)
          MATMUL_SCRATCH_BYTES.invokeExact(
              matmulScratchBytes, context, dtype, n, k, rows, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int matmul(
      MemorySegment stream,
      int dtype,
      long n,
      long k,
      MemorySegment packed,
      long rows,
      MemorySegment x,
      long ldx,
      MemorySegment y,
      long ldy,
      MemorySegment bias,
      int accumulate,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          MATMUL.invokeExact(
              matmul,
              stream,
              dtype,
              n,
              k,
              packed,
              rows,
              x,
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
}
