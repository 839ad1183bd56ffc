package dev.jangle.jcuda;

import static dev.jangle.jcuda.JCudaBuffersTest.refused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Products of small integers, which are exact in every format and order. */
class CublasBaselineTest {
  private static final int M = 3;
  private static final int N = 5;
  private static final int K = 7;
  private static final long OFFSET = 256;

  @BeforeAll
  static void findCublas() throws Exception {
    Gpu.loadStandIns();
  }

  private static float x(int row, int i) {
    return (row * K + i) % 5 - 2;
  }

  private static float w(int row, int i) {
    return (row * 3 + i * 2) % 7 - 3;
  }

  private static short bits(DType type, float value) {
    return type == DType.F16
        ? Float.floatToFloat16(value)
        : (short) (Float.floatToRawIntBits(value) >>> 16);
  }

  private interface Values {
    float at(int row, int i);
  }

  private static DeviceBuffer matrix(
      Backend backend, Kernels kernels, DType type, long offset, int rows, Values values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocate(offset + type.bytes((long) rows * K));
      MemorySegment from = all.asSlice(offset);
      for (int at = 0; at < rows * K; at++) {
        float value = values.at(at / K, at % K);
        if (type == DType.F32) {
          from.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at * 4L, value);
        } else {
          from.set(ValueLayout.JAVA_SHORT_UNALIGNED, at * 2L, bits(type, value));
        }
      }
      DeviceBuffer buffer = backend.allocate(all.byteSize());
      kernels.upload(all, buffer);
      kernels.synchronize();
      return buffer;
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void theProductIsTheOneOfRowsAndRows(DType type) {
    requireCublas();
    float[] expected = new float[M * N];
    for (int at = 0; at < expected.length; at++) {
      for (int i = 0; i < K; i++) {
        expected[at] += x(at / N, i) * w(at % N, i);
      }
    }
    try (Backend backend = Gpu.open();
        Kernels kernels = backend.newKernels();
        DeviceBuffer workspace = backend.allocate(32 << 20);
        DeviceBuffer x = matrix(backend, kernels, type, 0, M, CublasBaselineTest::x);
        DeviceBuffer w = matrix(backend, kernels, type, OFFSET, N, CublasBaselineTest::w);
        DeviceBuffer y = backend.allocate(M * N * 4);
        CublasBaseline cublas = CublasBaseline.open(kernels, workspace)) {
      cublas.multiply(type, M, N, K, x, w, OFFSET, y);
      kernels.synchronize();
      assertArrayEquals(expected, Gpu.floats(kernels, y, M * N));
      if (Gpu.EMULATED) {
        assertEquals("12.6.4", cublas.version());
      }
    }
  }

  private static void requireCublas() {
    if (!CublasBaseline.problem().isEmpty()) {
      throw Gpu.skip(CublasBaseline.problem());
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    requireCublas();
    try (Backend backend = Gpu.open();
        Kernels kernels = backend.newKernels();
        DeviceBuffer workspace = backend.allocate(32 << 20);
        DeviceBuffer x = backend.allocate(M * K * 4);
        DeviceBuffer w = backend.allocate(N * K * 4);
        DeviceBuffer y = backend.allocate(M * N * 4);
        CublasBaseline cublas = CublasBaseline.open(kernels, workspace)) {
      Class<IndexOutOfBoundsException> bounds = IndexOutOfBoundsException.class;
      refused(bounds, () -> cublas.multiply(DType.F32, M, N, K, x, w, 4, y), "w: bytes 4 to 144");
      refused(bounds, () -> cublas.multiply(DType.F32, M, N, K, x, w, -4, y), "w: bytes -4");
      refused(bounds, () -> cublas.multiply(DType.F32, M, N, K, w, x, 0, y), "w: bytes 0 to 140");
      refused(bounds, () -> cublas.multiply(DType.F32, M + 1, N, K, x, w, 0, y), "x: bytes 0");
      Class<IllegalArgumentException> argument = IllegalArgumentException.class;
      refused(argument, () -> cublas.multiply(DType.Q8_0, 1, 1, 32, x, w, 0, y), "Q8_0");
      refused(argument, () -> cublas.multiply(DType.F32, 0, N, K, x, w, 0, y), "m = 0");
      refused(argument, () -> cublas.multiply(DType.F32, M, N, -1, x, w, 0, y), "k = -1");
      cublas.close();
      cublas.close();
      refused(
          IllegalStateException.class,
          () -> cublas.multiply(DType.F32, M, N, K, x, w, 0, y),
          "closed");
    }
  }

  @Test
  void kernelsOfTheCpuAreRefused() {
    try (Backend cpu = Backend.open(BackendKind.CPU, 1, null);
        Kernels kernels = cpu.newKernels();
        DeviceBuffer workspace = cpu.allocate(512)) {
      if (CublasBaseline.problem().isEmpty()) {
        refused(
            IllegalArgumentException.class,
            () -> CublasBaseline.open(kernels, workspace).close(),
            "the CPU backend");
      } else {
        refused(
            JCudaException.class,
            () -> CublasBaseline.open(kernels, workspace).close(),
            CublasBaseline.problem());
      }
    }
  }
}
