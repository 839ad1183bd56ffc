package dev.jangle.jcuda;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import jcuda.Pointer;

/**
 * Memory of the GPU in both worlds. It has one owner, who took it and frees it: here it is lent,
 * and never changes hands. Needs none of JCuda's native libraries. Thread-safe.
 */
public final class JCudaBuffers {
  private JCudaBuffers() {}

  /** A pointer by its number, and the number of a pointer. */
  private static final class Address extends Pointer {
    Address(long address) {
      super(address);
    }

    Address(Pointer pointer) {
      super(pointer);
    }

    /** 0 for null and for memory of Java. */
    long start() {
      return getNativePointer();
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  /**
   * Where a buffer of Jangle's begins, for JCuda. The buffer stays the owner: do not give the
   * pointer to {@code cudaFree}, and do not use it once the buffer is closed. What Jangle does to
   * the memory is in the order of its streams: synchronise, or use {@link JCudaStreams}.
   *
   * @throws IllegalArgumentException for memory of the CPU backend
   * @throws IllegalStateException where the buffer is closed
   */
  public static Pointer pointer(DeviceBuffer buffer) {
    if (buffer.backend().kind() != BackendKind.CUDA) {
      throw new IllegalArgumentException(
          "the buffer is of the CPU backend; JCuda needs one of a backend opened with CUDA");
    }
    // A Pointer itself: pointers of different classes are never equal.
    return new Address(buffer.address()).withByteOffset(0);
  }

  /**
   * Memory of JCuda's as a buffer for Jangle. JCuda's code stays the owner: closing the buffer
   * frees nothing, and {@code cudaFree} must wait until the buffer is closed and the streams that
   * work on it are done. That the GPU has memory at both ends of the range is checked; that all of
   * it is the caller's cannot be.
   *
   * @param pointer from {@code cudaMalloc}, at a multiple of 256 bytes, or from {@link #pointer}
   * @throws IllegalArgumentException for a null pointer, for a pointer to memory of Java, and for
   *     the CPU backend
   * @throws RuntimeException where the range is not memory of the GPU, with the reason
   */
  public static DeviceBuffer buffer(Backend backend, Pointer pointer, long bytes) {
    requireCuda(backend);
    Address address = new Address(pointer);
    if (address.start() == 0) {
      throw new IllegalArgumentException(
          pointer + " is null or points to memory of Java; cudaMalloc gives memory of the GPU");
    }
    return backend.wrap(address.value(), bytes);
  }

  static void requireCuda(Backend backend) {
    if (backend.kind() != BackendKind.CUDA) {
      throw new IllegalArgumentException(
          "the CPU backend has nothing in common with JCuda; open one with BackendKind.CUDA");
    }
  }
}
