package dev.jangle.train;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One number for each weight of a model, in device memory: the weights themselves, their gradients,
 * or a moment of the optimizer. The memory is the maker's.
 */
record Parameters(ParameterLayout layout, DeviceBuffer buffer) {
  /** Everything, as one row. */
  Matrix all() {
    return new Matrix(buffer, 0, 1, layout.elements(), layout.elements());
  }

  /** All matrices, as one row. */
  Matrix matrices() {
    return new Matrix(buffer, 0, 1, layout.matrices(), layout.matrices());
  }

  /** All vectors, as one row. */
  Matrix vectors() {
    long n = layout.elements() - layout.matrices();
    return new Matrix(buffer, layout.matrices(), 1, n, n);
  }

  /** A matrix [rows][cols], or a vector as one row. */
  Matrix get(String name) {
    ParameterLayout.Slot slot = layout.slot(name);
    return new Matrix(buffer, slot.offset(), Math.max(slot.rows(), 1), slot.cols(), slot.cols());
  }

  /** Matrices of one number of columns that stand side by side, as one. */
  Matrix matrices(String... names) {
    long rows = 0;
    for (String name : names) {
      rows += layout.slot(name).rows();
    }
    Matrix first = get(names[0]);
    return new Matrix(buffer, first.offset(), rows, first.cols(), first.cols());
  }

  /** Vectors that stand side by side, as one row. */
  Matrix vectors(String... names) {
    long n = 0;
    for (String name : names) {
      n += layout.slot(name).cols();
    }
    return new Matrix(buffer, get(names[0]).offset(), 1, n, n);
  }

  /** Overwrites one weight. */
  void set(Kernels kernels, ParameterLayout.Slot slot, float[] values) {
    if (values.length != slot.elements()) {
      throw new IllegalArgumentException(
          "%s has %d elements, not %d".formatted(slot.name(), slot.elements(), values.length));
    }
    try (Arena arena = Arena.ofConfined()) {
      kernels.upload(arena.allocateFrom(JAVA_FLOAT, values), buffer, slot.offset() * Float.BYTES);
      kernels.synchronize();
    }
  }

  /** One weight's values. Waits. */
  float[] values(Kernels kernels, ParameterLayout.Slot slot) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(JAVA_FLOAT, slot.elements());
      kernels.download(buffer, slot.offset() * Float.BYTES, host);
      return host.toArray(JAVA_FLOAT);
    }
  }
}
