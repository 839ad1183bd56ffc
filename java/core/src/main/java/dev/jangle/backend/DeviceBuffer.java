package dev.jangle.backend;

import java.lang.foreign.MemorySegment;

/**
 * Memory on a device. Zero-filled when new. Not an Arena: a buffer lives as long as a model or a
 * session, and must never cost a step of decoding anything. Owned by whoever allocated it; close it
 * when no call uses it any more. Memory of {@link Backend#wrap} is as it was, and closing does not
 * free it.
 */
public final class DeviceBuffer extends Operand implements AutoCloseable {
  private final Backend backend;
  private final long bytes;
  private final boolean owned;
  private long address;

  DeviceBuffer(Backend backend, long address, long bytes, boolean owned) {
    this.backend = backend;
    this.address = address;
    this.bytes = bytes;
    this.owned = owned;
  }

  /** The backend whose memory it is. */
  public Backend backend() {
    return backend;
  }

  /** Size in bytes. */
  public long bytes() {
    return bytes;
  }

  /**
   * Where it begins in the device's memory, for other libraries that compute there; valid until
   * {@link #close}.
   *
   * @throws IllegalStateException after close
   */
  public long address() {
    requireOpen();
    return address;
  }

  private void requireOpen() {
    if (address == 0) {
      throw new IllegalStateException("the device buffer is closed");
    }
  }

  @Override
  void requireUsable(Kernels kernels) {
    if (backend != kernels.backend()) {
      throw new IllegalArgumentException(
          "the device buffer is of another backend: use it with kernels of its own");
    }
    requireOpen();
  }

  /**
   * The address of the range for a call, after checking that the range lies within the buffer.
   *
   * @throws IllegalArgumentException where the call is not of the buffer's backend
   * @throws IndexOutOfBoundsException where the range is not in the buffer
   * @throws IllegalStateException after close
   */
  MemorySegment range(Kernels kernels, long offset, long length) {
    kernels.use(this);
    if (offset < 0 || length < 0 || offset > bytes - length) {
      throw new IndexOutOfBoundsException(
          "bytes " + offset + " to " + (offset + length) + " of a buffer of " + bytes);
    }
    return MemorySegment.ofAddress(address + offset);
  }

  @Override
  public void close() {
    if (address != 0) {
      if (owned) {
        backend.free(address);
      }
      address = 0;
    }
  }
}
