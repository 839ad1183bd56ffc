package dev.jangle.cli.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.backend.PackedWeight;
import dev.jangle.cli.term.Amounts;
import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The buffers of one measurement, filled with random values; all close with it. Memory is asked for
 * only where it is free: a CPU's would else be promised now and missed later.
 */
final class DeviceMemory implements AutoCloseable {
  /** What stays free for others. */
  private static final double MOST_OF_FREE = 0.9;

  private static final int BLOCK_ELEMENTS = 1 << 18;

  /** Rows of a weight that are made; the others repeat them. */
  private static final int SOURCE_ROWS = 64;

  final Backend backend;
  final Kernels kernels;
  private final Deque<AutoCloseable> taken = new ArrayDeque<>();

  DeviceMemory(Backend backend, Kernels kernels) {
    this.backend = backend;
    this.kernels = kernels;
  }

  /**
   * Zeros, or whatever a call writes.
   *
   * @throws OutOfDeviceMemoryException naming what was asked for and what is free
   */
  DeviceBuffer empty(long bytes) {
    require(bytes);
    return keep(backend.allocate(bytes));
  }

  /** Scratch, or null where none is needed. */
  DeviceBuffer scratch(long bytes) {
    return bytes == 0 ? null : empty(bytes);
  }

  /** So many random elements, repeated after the first 2^18. */
  DeviceBuffer random(DType dtype, long elements) {
    DeviceBuffer buffer = empty(dtype.bytes(elements));
    byte[] block = RandomValues.of(dtype, Math.min(elements, BLOCK_ELEMENTS), 1);
    upload(block, buffer);
    for (long done = block.length; done < buffer.bytes(); done *= 2) {
      kernels.copy(buffer, 0, done, Math.min(done, buffer.bytes() - done));
    }
    return buffer;
  }

  /** A packed weight of random values, the same for the same shape. */
  PackedWeight weight(DType dtype, long n, long k) {
    require(kernels.packBytes(dtype, n, k));
    PackedWeight weight = keep(kernels.newWeight(dtype, n, k));
    long sourceRows = Math.min(n, SOURCE_ROWS);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocateFrom(JAVA_BYTE, RandomValues.of(dtype, sourceRows * k, 2));
      for (long row = 0; row < n; row += sourceRows) {
        long count = Math.min(sourceRows, n - row);
        kernels.pack(weight, row, count, rows.asSlice(0, dtype.bytes(count * k)));
      }
      kernels.synchronize();
    }
    return weight;
  }

  /** One more of the same. */
  PackedWeight copy(PackedWeight weight) {
    require(weight.bytes());
    PackedWeight copy = keep(kernels.newWeight(weight.dtype(), weight.n(), weight.k()));
    kernels.copy(weight, copy);
    return copy;
  }

  void upload(byte[] bytes, DeviceBuffer to) {
    try (Arena arena = Arena.ofConfined()) {
      kernels.upload(arena.allocateFrom(JAVA_BYTE, bytes), to);
      kernels.synchronize();
    }
  }

  <T extends AutoCloseable> T keep(T resource) {
    taken.push(resource);
    return resource;
  }

  private void require(long bytes) {
    long free = backend.freeBytes();
    if (bytes > MOST_OF_FREE * free) {
      throw new OutOfDeviceMemoryException(
          "it needs a buffer of %s; %s are free"
              .formatted(Amounts.bytes(bytes), Amounts.bytes(free)));
    }
  }

  @Override
  public void close() {
    kernels.synchronize();
    while (!taken.isEmpty()) {
      try {
        taken.pop().close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException("cannot close a buffer", e);
      }
    }
  }
}
