package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/**
 * Host memory that a device copies to and from without staging; pinned where the device is a GPU.
 * Zero-filled when new. Owned by whoever allocated it; close it when no call uses it any more. One
 * thread at a time.
 */
public final class HostBuffer extends Operand implements AutoCloseable {
  private final Backend backend;
  private final long bytes;
  private long address;

  HostBuffer(Backend backend, long address, long bytes) {
    this.backend = backend;
    this.address = address;
    this.bytes = bytes;
  }

  /** Size in bytes. */
  public long bytes() {
    return bytes;
  }

  /**
   * Copies {@code count} integers, from the {@code from}-th on, to the start of an array.
   *
   * @throws IndexOutOfBoundsException where either has not so many
   * @throws IllegalStateException after close
   */
  public void get(long from, int[] to, int count) {
    MemorySegment.copy(memory(), JAVA_INT, from * Integer.BYTES, to, 0, count);
  }

  /** The same with floats. */
  public void get(long from, float[] to, int count) {
    MemorySegment.copy(memory(), JAVA_FLOAT, from * Float.BYTES, to, 0, count);
  }

  /** For a call to copy from or to. */
  MemorySegment memory(Kernels kernels) {
    kernels.use(this);
    return memory();
  }

  /** Not to be handed out: nothing would stop its use after close. */
  private MemorySegment memory() {
    requireOpen();
    return backend.bindings.view(address, bytes);
  }

  private void requireOpen() {
    if (address == 0) {
      throw new IllegalStateException("the host buffer is closed");
    }
  }

  @Override
  void requireUsable(Kernels kernels) {
    if (backend != kernels.backend()) {
      throw new IllegalArgumentException(
          "the host buffer is of another backend: use it with kernels of its own");
    }
    requireOpen();
  }

  @Override
  public void close() {
    if (address != 0) {
      backend.freeHost(address);
      address = 0;
    }
  }
}
