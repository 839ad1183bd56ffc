package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Checks of the arguments of kernels, and what calls with scratch have in common. */
final class Shapes {
  private Shapes() {}

  /** A function that writes a size and returns a status. */
  interface Query {
    int status(MemorySegment size);
  }

  static long query(Backend backend, Query query) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(JAVA_LONG);
      backend.check(query.status(size));
      return size.get(JAVA_LONG, 0);
    }
  }

  /** The address of a scratch buffer, or of nothing. */
  static MemorySegment address(Kernels kernels, DeviceBuffer scratch) {
    return scratch == null ? MemorySegment.NULL : scratch.range(kernels, 0, scratch.bytes());
  }

  static long bytes(DeviceBuffer scratch) {
    return scratch == null ? 0 : scratch.bytes();
  }

  /** Elements of a matrix without gaps. */
  static long requireDense(String what, Matrix matrix) {
    if (matrix.rows() > 1) {
      requireShape(what + ": row distance", matrix.ld(), matrix.cols());
    }
    return Math.multiplyExact(matrix.rows(), matrix.cols());
  }

  static void requireSame(String what, Matrix found, Matrix expected) {
    requireShape(what + ": rows", found.rows(), expected.rows());
    requireShape(what + ": columns", found.cols(), expected.cols());
  }

  /** The same shape and row distance. */
  static void requireAlike(String what, Matrix found, Matrix expected) {
    requireSame(what, found, expected);
    requireShape(what + ": row distance", found.ld(), expected.ld());
  }

  static void requireShape(String what, long found, long expected) {
    if (found != expected) {
      throw new IllegalArgumentException(what + ": found " + found + ", expected " + expected);
    }
  }
}
