package dev.jangle.cli.kernels;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.cli.term.Amounts;
import dev.jangle.format.DType;
import java.util.Collection;
import java.util.EnumMap;
import java.util.Map;

/**
 * Measures ceilings.
 *
 * <p>Memory: on a CPU, all threads read a buffer of four times the last cache; on a GPU, the device
 * copies as much, and a byte that is read and written counts twice.
 *
 * <p>Compute, of each format the best of: on a CPU, chains of float32 fma in all threads; on a GPU,
 * a square product by cuBLAS; and our own product of 128 rows with a weight that stays in the
 * cache, which is the only measure for quantised formats, and there says what the kernel can do
 * where the memory does not hold it back.
 */
final class CeilingsMeter {
  private static final int ROWS = Batches.MOST_ROWS;

  private final Backend backend;
  private final Kernels kernels;
  private final Effort effort;
  private final Stopwatch stopwatch;

  CeilingsMeter(Backend backend, Kernels kernels, Effort effort) {
    this.backend = backend;
    this.kernels = kernels;
    this.effort = effort;
    stopwatch = new Stopwatch(backend, kernels, effort);
  }

  /**
   * @param formats that are multiplied
   * @param cublas or null
   */
  Ceilings measure(Collection<DType> formats, Cublas cublas) {
    boolean cpu = backend.kind() == BackendKind.CPU;
    double fma =
        cpu && !formats.isEmpty()
            ? Processors.flopsPerSecond(backend.threads(), effort.seconds())
            : 0;
    Map<DType, Ceilings.Compute> compute = new EnumMap<>(DType.class);
    for (DType format : formats) {
      Ceilings.Compute best = new Ceilings.Compute(fma, "float32 fma from the first cache");
      best = better(best, own(format));
      if (cublas != null && Cublas.has(format)) {
        best = better(best, square(cublas, format));
      }
      compute.put(format, best);
    }
    String amount = Amounts.bytes(effort.rotatedBytes());
    return cpu
        ? new Ceilings(
            read(), "%s read by %d threads".formatted(amount, backend.threads()), compute)
        : new Ceilings(copied(), amount + " read and written", compute);
  }

  private static Ceilings.Compute better(Ceilings.Compute a, Ceilings.Compute b) {
    return a.flopsPerSecond() >= b.flopsPerSecond() ? a : b;
  }

  private double read() {
    try (DeviceMemory memory = new DeviceMemory(backend, kernels)) {
      DeviceBuffer buffer = memory.random(DType.F32, effort.rotatedBytes() / Float.BYTES);
      return Processors.readBytesPerSecond(
          Foreign.view(buffer), backend.threads(), effort.seconds());
    }
  }

  private double copied() {
    long bytes = effort.rotatedBytes() / 2;
    try (DeviceMemory memory = new DeviceMemory(backend, kernels)) {
      DeviceBuffer buffer = memory.random(DType.F32, 2 * bytes / Float.BYTES);
      Work copy =
          new Work() {
            @Override
            public int turns(int rows) {
              return 1;
            }

            @Override
            public void call(int rows, int turn) {
              kernels.copy(buffer, 0, bytes, bytes);
            }

            @Override
            public long bytes(int rows) {
              return 2 * bytes;
            }
          };
      return 2 * bytes / least(copy, 1) * 1e6;
    }
  }

  private Ceilings.Compute own(DType format) {
    int size = effort.cachedSize();
    Effort cached =
        new Effort(
            effort.seconds(),
            effort.leastRounds(),
            1,
            effort.mostTurns(),
            size,
            effort.squareSize());
    try (DeviceMemory memory = new DeviceMemory(backend, kernels)) {
      Work work = new MatmulWork(memory, cached, format, size, size, ROWS);
      return new Ceilings.Compute(
          work.flops(ROWS) / least(work, ROWS) * 1e6,
          "own product of %d rows with [%d][%d] from the cache".formatted(ROWS, size, size));
    }
  }

  private Ceilings.Compute square(Cublas cublas, DType format) {
    int size = effort.squareSize();
    Effort once = new Effort(effort.seconds(), effort.leastRounds(), 1, 1, size, size);
    try (DeviceMemory memory = new DeviceMemory(backend, kernels)) {
      Work work = new CublasWork(cublas, memory, once, format, size, size, size);
      return new Ceilings.Compute(
          work.flops(size) / least(work, size) * 1e6,
          "cuBLAS, %d rows with [%d][%d]".formatted(size, size, size));
    }
  }

  private double least(Work work, int rows) {
    return stopwatch.measure(work, new int[] {rows}).getFirst().least();
  }
}
