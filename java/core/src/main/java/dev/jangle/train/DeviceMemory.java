package dev.jangle.train;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;

/** What a run takes of a device's memory; closes together. */
final class DeviceMemory implements AutoCloseable {
  private final Backend backend;
  private final ArrayDeque<DeviceBuffer> taken = new ArrayDeque<>();

  DeviceMemory(Backend backend) {
    this.backend = backend;
  }

  /** Zero-filled. */
  DeviceBuffer bytes(long bytes) {
    DeviceBuffer buffer = backend.allocate(bytes);
    taken.push(buffer);
    return buffer;
  }

  /** Dense rows of zeros. */
  Matrix matrix(long rows, long cols) {
    return Matrix.of(bytes(Math.multiplyExact(rows, cols) * Float.BYTES), rows, cols);
  }

  DeviceBuffer ints(long count) {
    return bytes(count * Integer.BYTES);
  }

  /** Overwrites the start of a buffer. */
  static void set(Kernels kernels, DeviceBuffer buffer, int[] values) {
    try (Arena arena = Arena.ofConfined()) {
      kernels.upload(arena.allocateFrom(JAVA_INT, values), buffer);
      kernels.synchronize();
    }
  }

  /** Overwrites the start of a buffer. */
  static void set(Kernels kernels, DeviceBuffer buffer, float[] values) {
    try (Arena arena = Arena.ofConfined()) {
      kernels.upload(arena.allocateFrom(JAVA_FLOAT, values), buffer);
      kernels.synchronize();
    }
  }

  @Override
  public void close() {
    while (!taken.isEmpty()) {
      taken.pop().close();
    }
  }
}
