package dev.jangle.cli.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.format.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The benchmark on the CUDA kernels, which the emulation runs; and beside a stand-in for cuBLAS, a
 * plain loop made here by the C compiler, where there is one.
 */
class KernelsCudasimTest {
  /** Column-major, as the original: c[m][n] = op(a)[m][k] * op(b)[k][n]. */
  private static final String STAND_IN =
      """
      #include <stddef.h>
      #include <stdint.h>
      #include <string.h>

      static int handle;
      static void* stream;
      static void* workspace;

      static float at(const void* p, int type, size_t i) {
        if (type == 0) return ((const float*)p)[i];
        if (type == 2) return (float)((const _Float16*)p)[i];
        uint32_t bits = (uint32_t)((const uint16_t*)p)[i] << 16;
        float value;
        memcpy(&value, &bits, 4);
        return value;
      }

      int cublasCreate_v2(void** h) { *h = &handle; return STATUS; }
      int cublasDestroy_v2(void* h) { return h == &handle ? 0 : 1; }
      int cublasGetVersion_v2(void* h, int* version) { *version = 120804; return h != &handle; }
      int cublasSetStream_v2(void* h, void* s) { stream = s; return h != &handle; }
      int cublasSetWorkspace_v2(void* h, void* w, size_t bytes) {
        workspace = w;
        return h != &handle || bytes < 1 << 20;
      }
      int cublasGemmEx(void* h, int opa, int opb, int m, int n, int k, const void* alpha,
                       const void* a, int atype, int lda, const void* b, int btype, int ldb,
                       const void* beta, void* c, int ctype, int ldc, int compute, int algo) {
        if (h != &handle || stream == NULL || workspace == NULL || ctype != 0 || compute != 68 ||
            algo != -1 || (atype != 0 && atype != 2 && atype != 14) || atype != btype)
          return 7;
        for (int i = 0; i < m; i++) {
          for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int l = 0; l < k; l++) {
              size_t ai = opa ? (size_t)i * lda + l : (size_t)l * lda + i;
              size_t bi = opb ? (size_t)l * ldb + j : (size_t)j * ldb + l;
              sum += at(a, atype, ai) * at(b, btype, bi);
            }
            float* out = (float*)c + (size_t)j * ldc + i;
            *out = *(const float*)alpha * sum + (*(const float*)beta ? *(const float*)beta * *out : 0);
          }
        }
        return 0;
      }
      """;

  @TempDir Path folder;

  private final Backend backend = Backend.open(BackendKind.CUDA, 0, null);

  @AfterEach
  void close() {
    System.clearProperty(Cublas.PROPERTY);
    backend.close();
  }

  private KernelReport run(EnumSet<Operation> operations, EnumSet<DType> formats, int... rows) {
    List<Subject> subjects = Subject.of(List.of(ModelShape.TINY), operations, formats);
    return new KernelBench(backend, "cudasim", 0, rows).run(subjects, done -> {});
  }

  /** Compiles the stand-in and names it as cuBLAS. */
  private void standIn(int status) throws IOException, InterruptedException {
    Path c = Files.writeString(folder.resolve("cublas.c"), STAND_IN);
    Path library = folder.resolve("libcublas" + status + ".so");
    String[] command = {
      "cc", "-shared", "-fPIC", "-O1", "-DSTATUS=" + status, "-o", library.toString(), c.toString()
    };
    try {
      Process process = new ProcessBuilder(command).inheritIO().start();
      assertTrue(process.waitFor(60, TimeUnit.SECONDS), "cc does not end");
      assertEquals(0, process.exitValue());
    } catch (IOException e) {
      Assumptions.abort("no C compiler, so there is no stand-in for cuBLAS: " + e);
    }
    System.setProperty(Cublas.PROPERTY, library.toString());
  }

  @Test
  void everyOperationRunsOnTheEmulation() {
    assertTrue(KernelBench.isEmulated(backend));
    KernelReport report =
        run(EnumSet.allOf(Operation.class), EnumSet.of(DType.F32, DType.F16, DType.Q8_0), 1, 3);
    assertEquals(List.of(), report.skipped());
    assertEquals(2 * (5 * 3 + 16), report.results().size());
    for (KernelResult result : report.results()) {
      assertTrue(result.time().least() > 0, result.toString());
    }
    assertEquals("the device is an emulation", report.cublasMissing());
    assertTrue(KernelText.of(report).contains("no cuBLAS beside it: the device is an emulation"));
  }

  @Test
  void cublasStandsBesideTheProductsThatItHas() throws Exception {
    standIn(0);
    KernelReport report =
        run(EnumSet.of(Operation.MATMUL, Operation.RMSNORM), EnumSet.allOf(DType.class), 2);
    assertEquals("12.8.4", report.cublas());
    for (KernelResult result : report.results()) {
      boolean compared =
          result.subject().operation() == Operation.MATMUL
              && !result.subject().format().quantized();
      assertEquals(compared, result.cublas() != null, result.toString());
    }
    assertTrue(KernelText.of(report).contains("cuBLAS/ours"));
    assertTrue(KernelJson.of(report).get("results").get(1).get("cublas_us").has("median"));
    assertNotNull(report.ceilings().compute().get(DType.BF16));
  }

  /** Small whole numbers, of which every order of summation makes the same. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void itsProductIsOurs(DType format) throws Exception {
    standIn(0);
    int rows = 3;
    int n = 6;
    int k = 10;
    float[] x = new float[rows * k];
    float[] w = new float[n * k];
    for (int i = 0; i < x.length; i++) {
      x[i] = i % 7 - 3;
    }
    for (int i = 0; i < w.length; i++) {
      w[i] = i % 5 - 2;
    }
    float[] expected = new float[rows * n];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < n; j++) {
        for (int l = 0; l < k; l++) {
          expected[i * n + j] += x[i * k + l] * w[j * k + l];
        }
      }
    }
    try (Kernels kernels = backend.newKernels();
        DeviceMemory memory = new DeviceMemory(backend, kernels);
        Cublas cublas = Cublas.open(memory);
        Arena arena = Arena.ofConfined()) {
      DeviceBuffer left = memory.empty(format.bytes(x.length));
      DeviceBuffer right = memory.empty(format.bytes(2L * w.length));
      DeviceBuffer y = memory.empty((long) expected.length * Float.BYTES);
      memory.upload(encode(format, x), left);
      byte[] weight = encode(format, w);
      byte[] second = new byte[2 * weight.length];
      System.arraycopy(weight, 0, second, weight.length, weight.length);
      memory.upload(second, right);
      cublas.product(format, rows, n, k, left, right, weight.length, y);
      MemorySegment host = arena.allocate(JAVA_FLOAT, expected.length);
      kernels.download(y, host);
      assertArrayEquals(expected, host.toArray(JAVA_FLOAT));
    }
  }

  private static byte[] encode(DType format, float[] values) {
    ByteBuffer out =
        ByteBuffer.allocate((int) format.bytes(values.length)).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      switch (format) {
        case F32 -> out.putFloat(value);
        case F16 -> out.putShort(Float.floatToFloat16(value));
        default -> out.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
      }
    }
    return out.array();
  }

  @Test
  void aCublasThatDoesNotStartIsMissing() throws Exception {
    standIn(1);
    KernelReport report = run(EnumSet.of(Operation.MATMUL), EnumSet.of(DType.F32), 1);
    assertEquals("cublasCreate failed with status 1", report.cublasMissing());
    assertEquals(5, report.results().size());
  }

  @Test
  void aFileThatIsNoCublasIsMissing() throws Exception {
    System.setProperty(Cublas.PROPERTY, folder.resolve("none.so").toString());
    try (Kernels kernels = backend.newKernels();
        DeviceMemory memory = new DeviceMemory(backend, kernels)) {
      String message =
          assertThrows(Cublas.Missing.class, () -> Cublas.open(memory).close()).getMessage();
      assertTrue(message.contains("none.so") && message.contains(Cublas.PROPERTY), message);
    }
  }
}
