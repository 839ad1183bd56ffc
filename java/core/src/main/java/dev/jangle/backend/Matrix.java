package dev.jangle.backend;

import java.lang.foreign.MemorySegment;

/**
 * A view of float32 rows in device memory: {@code rows} rows of {@code cols} elements, {@code ld}
 * elements apart, from element {@code offset} of the buffer.
 */
public record Matrix(DeviceBuffer buffer, long offset, long rows, long cols, long ld) {
  public Matrix {
    if (offset < 0 || rows < 1 || cols < 1 || ld < cols) {
      throw new IllegalArgumentException(
          "a matrix of %d x %d, rows %d apart, from %d".formatted(rows, cols, ld, offset));
    }
    long end = Math.addExact(offset, Math.addExact(Math.multiplyExact(rows - 1, ld), cols));
    if (end > buffer.bytes() / Float.BYTES) {
      throw new IndexOutOfBoundsException(
          "element %d of a buffer of %d".formatted(end, buffer.bytes() / Float.BYTES));
    }
  }

  /** A whole buffer as dense rows. */
  public static Matrix of(DeviceBuffer buffer, long rows, long cols) {
    return new Matrix(buffer, 0, rows, cols, cols);
  }

  /** The first {@code count} rows. */
  public Matrix top(long count) {
    return rowsFrom(0, count);
  }

  /** Rows {@code first} to {@code first + count}. */
  public Matrix rowsFrom(long first, long count) {
    if (first < 0 || count < 1 || first > rows - count) {
      throw new IndexOutOfBoundsException(
          "rows %d to %d of %d".formatted(first, first + count, rows));
    }
    return new Matrix(buffer, offset + first * ld, count, cols, ld);
  }

  /** Columns {@code first} to {@code first + count} of every row. */
  public Matrix columns(long first, long count) {
    if (first < 0 || count < 1 || first > cols - count) {
      throw new IndexOutOfBoundsException(
          "columns %d to %d of %d".formatted(first, first + count, cols));
    }
    return new Matrix(buffer, offset + first, rows, count, ld);
  }

  MemorySegment address(Kernels kernels) {
    return buffer.range(kernels, offset * Float.BYTES, ((rows - 1) * ld + cols) * Float.BYTES);
  }
}
