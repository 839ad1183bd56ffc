package dev.jangle.jcuda;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.format.DType;
import java.util.Locale;
import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;

/**
 * NVIDIA's matrix product through JCublas, to measure ours against: on the stream of a {@link
 * Kernels}, so that the same events time both. One thread at a time.
 */
public final class CublasBaseline implements AutoCloseable {
  private static final Pointer ONE = Pointer.to(new float[] {1});
  private static final Pointer ZERO = Pointer.to(new float[] {0});

  private final cublasHandle handle = new cublasHandle();
  private final String version;
  private boolean closed;

  private CublasBaseline(Kernels kernels, DeviceBuffer workspace) {
    check("cublasCreate", JCublas2.cublasCreate(handle));
    boolean made = false;
    try {
      int[] number = new int[1];
      check("cublasGetVersion", JCublas2.cublasGetVersion(handle, number));
      version =
          String.format(
              Locale.ROOT, "%d.%d.%d", number[0] / 10000, number[0] / 100 % 100, number[0] % 100);
      check("cublasSetStream", JCublas2.cublasSetStream(handle, JCudaStreams.stream(kernels)));
      check(
          "cublasSetWorkspace",
          JCublas2.cublasSetWorkspace(handle, JCudaBuffers.pointer(workspace), workspace.bytes()));
      made = true;
    } finally {
      if (!made) {
        JCublas2.cublasDestroy(handle);
      }
    }
  }

  /** Why JCublas cannot be used here and what to do; empty where it can be loaded. */
  public static String problem() {
    return JCudaLibrary.CUBLAS.problem();
  }

  /**
   * Starts cuBLAS.
   *
   * @param workspace the caller's, for as long as this is open, so that a product allocates nothing
   *     and can be recorded; 32 MiB is what cuBLAS takes by itself on an H100
   * @throws JCudaException where JCublas cannot be loaded or started, with the reason
   * @throws IllegalArgumentException for kernels of the CPU backend
   */
  public static CublasBaseline open(Kernels kernels, DeviceBuffer workspace) {
    JCudaLibrary.CUBLAS.load();
    try {
      return new CublasBaseline(kernels, workspace);
    } catch (CudaException e) {
      throw new JCudaException("cuBLAS cannot be started: " + e.getMessage(), e);
    }
  }

  /** Of cuBLAS, such as 12.6.4. */
  public String version() {
    return version;
  }

  /**
   * Enqueues {@code y[m][n] = x[m][k] * w^T[k][n]}, row-major, with the weight {@code w[n][k]} as
   * {@link Kernels#matmul} has it. The sums are in F32, without TF32.
   *
   * @param type F32, F16 or BF16, of x and w; y is F32
   * @param w from {@code offset} bytes on; x and y from their start
   * @throws IndexOutOfBoundsException where a buffer is too small
   */
  public void multiply(
      DType type,
      int m,
      int n,
      int k,
      DeviceBuffer x,
      DeviceBuffer w,
      long offset,
      DeviceBuffer y) {
    if (closed) {
      throw new IllegalStateException("the baseline is closed");
    }
    int code =
        switch (type) {
          case F32 -> cudaDataType.CUDA_R_32F;
          case F16 -> cudaDataType.CUDA_R_16F;
          case BF16 -> cudaDataType.CUDA_R_16BF;
          default -> throw new IllegalArgumentException("cuBLAS has no product of " + type);
        };
    if (m < 1 || n < 1 || k < 1) {
      throw new IllegalArgumentException("m = " + m + ", n = " + n + ", k = " + k);
    }
    // To cuBLAS, which counts down the columns, our rows are columns: it makes y^T = w x^T.
    int status;
    try {
      // The function without _new takes the types of CUDA 10.
      status =
          JCublas2.cublasGemmEx_new(
              handle,
              cublasOperation.CUBLAS_OP_T,
              cublasOperation.CUBLAS_OP_N,
              n,
              m,
              k,
              ONE,
              range("w", w, offset, type.bytes((long) n * k)),
              code,
              k,
              range("x", x, 0, type.bytes((long) m * k)),
              code,
              k,
              ZERO,
              range("y", y, 0, (long) m * n * Float.BYTES),
              cudaDataType.CUDA_R_32F,
              n,
              cublasComputeType.CUBLAS_COMPUTE_32F,
              cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    } catch (CudaException e) {
      throw new JCudaException("cublasGemmEx failed: " + e.getMessage(), e);
    }
    check("cublasGemmEx", status);
  }

  private static Pointer range(String name, DeviceBuffer buffer, long offset, long bytes) {
    if (offset < 0 || offset > buffer.bytes() - bytes) {
      throw new IndexOutOfBoundsException(
          "%s: bytes %d to %d of a buffer of %d"
              .formatted(name, offset, offset + bytes, buffer.bytes()));
    }
    return JCudaBuffers.pointer(buffer).withByteOffset(offset);
  }

  private static void check(String call, int status) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new JCudaException(call + " failed: " + cublasStatus.stringFor(status));
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      check("cublasDestroy", JCublas2.cublasDestroy(handle));
    }
  }
}
