package dev.jangle.backend;

import dev.jangle.format.DType;
import java.lang.foreign.MemorySegment;

/**
 * A weight matrix [n][k] (n outputs, k inputs) in the layout of the backend's kernels. Immutable
 * once packed, and then shared by all threads.
 */
public final class PackedWeight implements AutoCloseable {
  private final DType dtype;
  private final long n;
  private final long k;
  final DeviceBuffer buffer;

  PackedWeight(DType dtype, long n, long k, DeviceBuffer buffer) {
    this.dtype = dtype;
    this.n = n;
    this.k = k;
    this.buffer = buffer;
  }

  public DType dtype() {
    return dtype;
  }

  /** Outputs. */
  public long n() {
    return n;
  }

  /** Inputs. */
  public long k() {
    return k;
  }

  /** Size in device memory. */
  public long bytes() {
    return buffer.bytes();
  }

  MemorySegment address(Kernels kernels) {
    return buffer.range(kernels, 0, buffer.bytes());
  }

  @Override
  public void close() {
    buffer.close();
  }
}
