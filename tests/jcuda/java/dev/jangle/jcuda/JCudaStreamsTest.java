package dev.jangle.jcuda;

import static dev.jangle.jcuda.JCudaBuffersTest.refused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import jcuda.driver.CUstream;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.Test;

/** One order of execution for both. */
class JCudaStreamsTest {
  @Test
  void theCpuHasNoStreams() {
    try (Backend cpu = Backend.open(BackendKind.CPU, 1, null);
        Kernels kernels = cpu.newKernels()) {
      assertEquals(0, kernels.streamHandle());
      refused(
          IllegalArgumentException.class, () -> JCudaStreams.stream(kernels), "the CPU backend");
      refused(
          IllegalArgumentException.class,
          () -> JCudaStreams.kernels(cpu, new cudaStream_t()).close(),
          "BackendKind.CUDA");
      refused(RuntimeException.class, () -> cpu.newKernels(4096).close(), "the CPU has no streams");
    }
  }

  @Test
  void aStreamIsTheKernelsHandle() {
    try (Backend backend = Gpu.open()) {
      Kernels kernels = backend.newKernels();
      cudaStream_t stream = JCudaStreams.stream(kernels);
      assertEquals(cudaStream_t.class, stream.getClass());
      assertEquals(stream, new cudaStream_t(new CUstream(stream)));
      assertEquals("cudaStream_t[nativePointer=" + kernels.streamHandle() + "]", stream.toString());
      kernels.close();
      refused(IllegalStateException.class, () -> JCudaStreams.stream(kernels), "closed");
    }
  }

  @Test
  void workOnALentStreamIsInItsOrderAndLeavesItUsable() {
    try (Backend backend = Gpu.open();
        Kernels owner = backend.newKernels();
        DeviceBuffer x = owner.upload(new float[] {1, 2, 3});
        DeviceBuffer y = owner.upload(new float[] {10, 20, 30})) {
      Kernels lent = JCudaStreams.kernels(backend, JCudaStreams.stream(owner));
      assertEquals(owner.streamHandle(), lent.streamHandle());
      owner.residual(Matrix.of(x, 1, 3), Matrix.of(y, 1, 3));
      lent.residual(Matrix.of(x, 1, 3), Matrix.of(y, 1, 3));
      assertArrayEquals(new float[] {12, 24, 36}, Gpu.floats(lent, y, 3));
      lent.close();
      lent.close();
      owner.residual(Matrix.of(x, 1, 3), Matrix.of(y, 1, 3));
      assertArrayEquals(new float[] {13, 26, 39}, Gpu.floats(owner, y, 3));
    }
  }

  @Test
  void defaultStreamsAreRefused() {
    try (Backend backend = Gpu.open()) {
      refused(
          IllegalArgumentException.class,
          () -> JCudaStreams.kernels(backend, null).close(),
          "default stream");
      refused(
          RuntimeException.class,
          () -> JCudaStreams.kernels(backend, new cudaStream_t()).close(),
          "default stream");
      for (long number : new long[] {1, 2}) {
        refused(RuntimeException.class, () -> backend.newKernels(number).close(), "default stream");
      }
    }
  }

  /** On a GPU this would be the driver's to survive. */
  @Test
  void aStreamThatIsGoneIsRefusedByTheEmulation() {
    if (!Gpu.EMULATED) {
      throw Gpu.skip("a stream that is gone is shown to the emulation only");
    }
    try (Backend backend = Gpu.open()) {
      Kernels kernels = backend.newKernels();
      cudaStream_t stream = JCudaStreams.stream(kernels);
      kernels.close();
      refused(
          RuntimeException.class,
          () -> JCudaStreams.kernels(backend, stream).close(),
          "is not a stream");
    }
  }
}
