/**
 * Jangle for programs that have JCuda code (JCuda 12.6.0): a {@link
 * dev.jangle.backend.DeviceBuffer} as a {@code jcuda.Pointer} and back, Jangle's work on a {@code
 * cudaStream_t} of JCuda's and JCuda's on Jangle's.
 *
 * {@snippet lang="java" :
 * static void add(Pointer x, Pointer y, int n, cudaStream_t stream) {
 *   try (Backend backend = Backend.open(BackendKind.CUDA, 0, null);
 *       Kernels kernels = JCudaStreams.kernels(backend, stream)) {
 *     Matrix from = Matrix.of(JCudaBuffers.buffer(backend, x, 4L * n), 1, n);
 *     Matrix to = Matrix.of(JCudaBuffers.buffer(backend, y, 4L * n), 1, n);
 *     kernels.residual(from, to); // y += x, in the stream's order
 *   }
 * }
 * }
 *
 * <p>Start Java with {@code --enable-native-access=dev.jangle,ai.djl.tokenizers,jcuda,jcublas}. On
 * the module path, JCuda finds its native libraries only through {@link
 * dev.jangle.jcuda.JCudaLibrary}: load them before the first call of JCuda.
 */
package dev.jangle.jcuda;
