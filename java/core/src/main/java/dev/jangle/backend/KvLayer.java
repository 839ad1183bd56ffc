package dev.jangle.backend;

import dev.jangle.format.DType;
import java.lang.foreign.MemorySegment;

/**
 * One layer of a KV cache: pages of [2 = K, V][kvHeads][64][headDim] elements, from byte {@code
 * offset} of the buffer.
 *
 * @param dtype F32 or F16
 * @param pages number of pages
 */
public record KvLayer(
    DeviceBuffer buffer, long offset, DType dtype, int pages, int kvHeads, int headDim) {
  /** Positions of a page. */
  public static final int PAGE = 64;

  /** Bytes of one page of one layer. */
  public static long pageBytes(DType dtype, int kvHeads, int headDim) {
    return dtype.bytes(2L * kvHeads * PAGE * headDim);
  }

  MemorySegment address(Kernels kernels) {
    return buffer.range(kernels, offset, pages * pageBytes(dtype, kvHeads, headDim));
  }
}
