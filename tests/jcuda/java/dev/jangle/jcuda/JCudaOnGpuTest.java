package dev.jangle.jcuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import java.util.Arrays;
import jcuda.Pointer;
import jcuda.runtime.JCuda;
import jcuda.runtime.cudaMemcpyKind;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.Test;

/** JCuda's own calls and Jangle's, on one GPU. */
class JCudaOnGpuTest {
  private static final int COUNT = 1 << 20;

  private static void check(int status) {
    assertEquals(0, status, JCuda.cudaGetErrorString(status));
  }

  private static Backend openOnGpu() {
    if (Gpu.EMULATED) {
      throw Gpu.skip("JCuda's own calls need a GPU; here is the emulation");
    }
    Backend backend = Gpu.open();
    JCudaLibrary.RUNTIME.load();
    return backend;
  }

  private static float[] all(float value) {
    float[] values = new float[COUNT];
    Arrays.fill(values, value);
    return values;
  }

  @Test
  void jangleWorksOnMemoryAndAStreamOfJCuda() {
    float[] result = new float[COUNT];
    try (Backend backend = openOnGpu()) {
      Pointer x = new Pointer();
      Pointer y = new Pointer();
      cudaStream_t stream = new cudaStream_t();
      check(JCuda.cudaMalloc(x, COUNT * 4L));
      check(JCuda.cudaMalloc(y, COUNT * 4L));
      check(JCuda.cudaStreamCreate(stream));
      int up = cudaMemcpyKind.cudaMemcpyHostToDevice;
      check(JCuda.cudaMemcpyAsync(x, Pointer.to(all(3)), COUNT * 4L, up, stream));
      check(JCuda.cudaMemcpyAsync(y, Pointer.to(all(4)), COUNT * 4L, up, stream));
      ExampleTest.add(x, y, COUNT, stream);
      int down = cudaMemcpyKind.cudaMemcpyDeviceToHost;
      check(JCuda.cudaMemcpyAsync(Pointer.to(result), y, COUNT * 4L, down, stream));
      check(JCuda.cudaStreamSynchronize(stream));
      check(JCuda.cudaStreamDestroy(stream));
      check(JCuda.cudaFree(x));
      check(JCuda.cudaFree(y));
    }
    assertArrayEquals(all(7), result);
  }

  @Test
  void jcudaWorksOnMemoryAndAStreamOfJangle() {
    float[] result = new float[COUNT];
    try (Backend backend = openOnGpu();
        Kernels kernels = backend.newKernels();
        DeviceBuffer x = kernels.upload(all(3));
        DeviceBuffer y = kernels.upload(all(4))) {
      kernels.residual(Matrix.of(x, 1, COUNT), Matrix.of(y, 1, COUNT));
      cudaStream_t stream = JCudaStreams.stream(kernels);
      int down = cudaMemcpyKind.cudaMemcpyDeviceToHost;
      Pointer from = JCudaBuffers.pointer(y);
      check(JCuda.cudaMemcpyAsync(Pointer.to(result), from, COUNT * 4L, down, stream));
      check(JCuda.cudaStreamSynchronize(stream));
    }
    assertArrayEquals(all(7), result);
  }
}
