package dev.jangle.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The other direction of {@link TensorFloats}. F16 and BF16 round to the nearest, ties to even.
 * Q8_0 is what ggml's reference quantisation writes: the scale is the largest absolute value / 127,
 * as F16; integers are values / scale before that rounding, to the nearest, ties away from zero.
 * Q4_0 and Q4_1 search: see {@link FourBitRow}. A row does not depend on others, and rows are
 * encoded in parallel.
 */
final class TensorEncoder {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK = 32;

  /** Bytes; a cache line, more than any kernel asks for. */
  private static final long ALIGNMENT = 64;

  private TensorEncoder() {}

  /** See {@link Tensor#of}. */
  static Tensor encode(String name, DType dtype, long[] shape, float[] values) {
    MemorySegment data = allocate(bytes(name, dtype, shape));
    int cols = Math.toIntExact(shape[shape.length - 1]);
    Tensor tensor = new Tensor(name, dtype, shape, data);
    if (tensor.elements() != values.length) {
      throw new IllegalArgumentException(
          tensor + " has " + tensor.elements() + " elements, not " + values.length);
    }
    long bytes = dtype.bytes(cols);
    byRows(
        tensor,
        1,
        (row, end) -> {
          float[] x = Arrays.copyOfRange(values, row * cols, end * cols);
          encode(dtype, x, data.asSlice(row * bytes, bytes));
        });
    return tensor;
  }

  private static long bytes(String name, DType dtype, long[] shape) {
    try {
      return Tensor.bytes(dtype, shape);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor " + name + " " + e.getMessage(), e);
    }
  }

  /** Memory for a tensor's data, which lives as long as it is referred to. */
  static MemorySegment allocate(long bytes) {
    return Arena.ofAuto().allocate(bytes, ALIGNMENT);
  }

  /** What is done to some rows. */
  interface RowTask {
    void run(int first, int end);
  }

  /**
   * Does something to all rows of a tensor, some of them at a time, in parallel.
   *
   * @throws IllegalArgumentException naming the tensor, where the task throws one
   */
  static void byRows(Tensor tensor, int some, RowTask task) {
    int rows = Math.toIntExact(tensor.rows());
    try {
      IntStream.range(0, Math.ceilDiv(rows, some))
          .parallel()
          .forEach(i -> task.run(i * some, Math.min((i + 1) * some, rows)));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor " + tensor.name() + " " + e.getMessage(), e);
    }
  }

  /** Writes the bytes of one row. */
  static void encode(DType dtype, float[] values, MemorySegment row) {
    switch (dtype) {
      case F32 -> MemorySegment.copy(values, 0, row, FLOAT, 0, values.length);
      case F16 -> {
        for (int i = 0; i < values.length; i++) {
          row.set(SHORT, 2L * i, Float.floatToFloat16(values[i]));
        }
      }
      case BF16 -> {
        for (int i = 0; i < values.length; i++) {
          row.set(SHORT, 2L * i, SafetensorsWriter.bfloat16(values[i]));
        }
      }
      case Q8_0 -> {
        for (int block = 0; block < values.length / BLOCK; block++) {
          eightBits(values, block * BLOCK, row, (long) block * dtype.blockBytes());
        }
      }
      case Q4_0, Q4_1 -> {
        FourBitRow numbers = new FourBitRow(dtype, values.length);
        for (int block = 0; block < numbers.blocks(); block++) {
          numbers.fit(block, values);
        }
        numbers.write(row);
      }
    }
  }

  private static void eightBits(float[] values, int start, MemorySegment row, long at) {
    float largest = 0;
    for (int i = start; i < start + BLOCK; i++) {
      largest = Math.max(largest, Math.abs(values[i])); // NaN where one is
    }
    float scale = largest / 127;
    short half = Float.floatToFloat16(scale);
    if (!Float.isFinite(Float.float16ToFloat(half))) {
      throw new IllegalArgumentException("has the value " + largest + ", which Q8_0 cannot hold");
    }
    row.set(SHORT, at, half);
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < BLOCK; i++) {
      float q = values[start + i] * inverse;
      row.set(JAVA_BYTE, at + 2 + i, (byte) (q < 0 ? -Math.round(-q) : Math.round(q)));
    }
  }
}
