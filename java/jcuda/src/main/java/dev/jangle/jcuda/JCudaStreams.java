package dev.jangle.jcuda;

import dev.jangle.backend.Backend;
import dev.jangle.backend.Kernels;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import jcuda.driver.CUstream;
import jcuda.runtime.cudaStream_t;

/**
 * One order of execution for Jangle's work and JCuda's: on one stream, each sees what the other did
 * before. A stream has one owner, who made it and destroys it: here it is lent. Needs none of
 * JCuda's native libraries. For the driver API, {@code new CUstream(stream)} and {@code new
 * cudaStream_t(stream)} convert.
 */
public final class JCudaStreams {
  private JCudaStreams() {}

  /** The number of a stream. */
  private static final class Handle extends CUstream {
    Handle(cudaStream_t stream) {
      super(stream);
    }

    long value() {
      return getNativePointer();
    }
  }

  /**
   * Jangle's stream, for JCuda. The kernels stay the owner: do not give it to {@code
   * cudaStreamDestroy}, and do not use it once they are closed. One thread at a time, as the
   * kernels themselves.
   *
   * @throws IllegalArgumentException for kernels of the CPU backend
   * @throws IllegalStateException where they are closed
   */
  public static cudaStream_t stream(Kernels kernels) {
    long handle = kernels.streamHandle();
    if (handle == 0) {
      throw new IllegalArgumentException(
          "the kernels are of the CPU backend, which has no stream; JCuda needs ones of CUDA");
    }
    // The class has no public way to make one of a number, and sets its field from native code
    // only.
    try {
      MethodHandle constructor =
          MethodHandles.privateLookupIn(cudaStream_t.class, MethodHandles.lookup())
              .findConstructor(cudaStream_t.class, MethodType.methodType(void.class, long.class));
      return (cudaStream_t) constructor.invokeExact(handle);
    } catch (Throwable e) {
      throw new JCudaException("this JCuda makes no cudaStream_t of a number; use JCuda 12.6.0", e);
    }
  }

  /**
   * Jangle's operations in the order of a stream of JCuda's. JCuda's code stays the owner: closing
   * the kernels waits for what is on the stream and leaves it as it is, and {@code
   * cudaStreamDestroy} must wait until they are closed. Do not capture the stream in JCuda while
   * they are open.
   *
   * @param stream made by {@code cudaStreamCreate} or {@code cuStreamCreate} on the same GPU
   * @throws IllegalArgumentException for null, and for the CPU backend
   * @throws RuntimeException for a default stream, for what is no stream, and for one that is being
   *     captured, with the reason
   */
  public static Kernels kernels(Backend backend, cudaStream_t stream) {
    JCudaBuffers.requireCuda(backend);
    if (stream == null) {
      throw new IllegalArgumentException(
          "null is JCuda's default stream, which cannot be recorded; make one with"
              + " cudaStreamCreate");
    }
    return backend.newKernels(new Handle(stream).value());
  }
}
