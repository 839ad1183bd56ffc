package dev.jangle.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A tensor's elements as float32: exact for F32, F16 and BF16; for the block formats what GGUF
 * defines, each operation rounded to float32.
 */
public final class TensorFloats {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK = 32;

  private TensorFloats() {}

  /** All elements, in row-major order. */
  public static float[] of(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.elements())];
    read(tensor, 0, values);
    return values;
  }

  /**
   * Reads a run of elements.
   *
   * @param first the first of them; where the format has blocks, it begins a block, and the run
   *     fills whole blocks
   */
  static void read(Tensor tensor, long first, float[] values) {
    DType dtype = tensor.dtype();
    MemorySegment data = tensor.data();
    if (!dtype.quantized()) {
      for (int i = 0; i < values.length; i++) {
        values[i] = plain(dtype, data, first + i);
      }
      return;
    }
    long start = dtype.bytes(first);
    long bytes = dtype.bytes(BLOCK);
    for (int block = 0; block < dtype.bytes(values.length) / bytes; block++) {
      decode(dtype, data.asSlice(start + block * bytes, bytes), values, block * BLOCK);
    }
  }

  private static float plain(DType dtype, MemorySegment data, long i) {
    return switch (dtype) {
      case F32 -> data.get(FLOAT, 4 * i);
      case F16 -> Float.float16ToFloat(data.get(SHORT, 2 * i));
      case BF16 -> Float.intBitsToFloat(data.get(SHORT, 2 * i) << 16);
      case Q8_0, Q4_0, Q4_1 -> throw new IllegalArgumentException(dtype + " comes in blocks");
    };
  }

  /** A block: its scale as F16, in Q4_1 its least value as F16, then 32 integers. */
  private static void decode(DType dtype, MemorySegment block, float[] values, int at) {
    float scale = Float.float16ToFloat(block.get(SHORT, 0));
    switch (dtype) {
      case Q8_0 -> {
        for (int i = 0; i < BLOCK; i++) {
          values[at + i] = scale * block.get(JAVA_BYTE, 2 + i);
        }
      }
      case Q4_0 -> {
        for (int i = 0; i < BLOCK; i++) {
          values[at + i] = scale * (nibble(block, 2, i) - 8);
        }
      }
      case Q4_1 -> {
        float least = Float.float16ToFloat(block.get(SHORT, 2));
        for (int i = 0; i < BLOCK; i++) {
          values[at + i] = scale * nibble(block, 4, i) + least;
        }
      }
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    }
  }

  /** Byte i holds elements i (low) and i + 16 (high). */
  private static int nibble(MemorySegment block, int start, int i) {
    int pair = block.get(JAVA_BYTE, start + i % (BLOCK / 2));
    return i < BLOCK / 2 ? pair & 15 : pair >> 4 & 15;
  }
}
