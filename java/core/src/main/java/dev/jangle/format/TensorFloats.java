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
    long at = dtype.bytes(first);
    for (int i = 0; i < values.length; i += BLOCK) {
      decode(dtype, data, at, values, i);
      at += dtype.blockBytes();
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
  private static void decode(DType dtype, MemorySegment data, long at, float[] values, int to) {
    float scale = Float.float16ToFloat(data.get(SHORT, at));
    switch (dtype) {
      case Q8_0 -> {
        for (int i = 0; i < BLOCK; i++) {
          values[to + i] = scale * data.get(JAVA_BYTE, at + 2 + i);
        }
      }
      case Q4_0 -> {
        for (int i = 0; i < BLOCK / 2; i++) { // a byte holds elements i (low) and i + 16 (high)
          int pair = data.get(JAVA_BYTE, at + 2 + i);
          values[to + i] = scale * ((pair & 15) - 8);
          values[to + i + BLOCK / 2] = scale * ((pair >> 4 & 15) - 8);
        }
      }
      case Q4_1 -> {
        float least = Float.float16ToFloat(data.get(SHORT, at + 2));
        for (int i = 0; i < BLOCK / 2; i++) {
          int pair = data.get(JAVA_BYTE, at + 4 + i);
          values[to + i] = scale * (pair & 15) + least;
          values[to + i + BLOCK / 2] = scale * (pair >> 4 & 15) + least;
        }
      }
      case F32, F16, BF16 -> throw new IllegalArgumentException(dtype + " has no blocks");
    }
  }
}
