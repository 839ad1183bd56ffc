package dev.jangle.cli.kernels;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.PackedWeight;
import dev.jangle.format.DType;
import java.util.ArrayList;
import java.util.List;

/** The product with a packed weight [n][k]. The weights take turns; the activations stay. */
final class MatmulWork implements Work {
  private final Kernels kernels;
  private final List<PackedWeight> weights = new ArrayList<>();
  private final Matrix x;
  private final Matrix y;
  private final DeviceBuffer scratch;

  /**
   * @param mostRows of a call
   */
  MatmulWork(DeviceMemory memory, Effort effort, DType format, long n, long k, int mostRows) {
    kernels = memory.kernels;
    int turns = effort.turns(kernels.packBytes(format, n, k));
    weights.add(memory.weight(format, n, k));
    while (weights.size() < turns) {
      weights.add(memory.copy(weights.getFirst()));
    }
    x = Matrix.of(memory.random(DType.F32, mostRows * k), mostRows, k);
    y = Matrix.of(memory.empty(mostRows * n * Float.BYTES), mostRows, n);
    scratch = memory.scratch(kernels.matmulScratchBytes(format, n, k, mostRows));
  }

  @Override
  public int turns(int rows) {
    return weights.size();
  }

  @Override
  public void call(int rows, int turn) {
    kernels.matmul(weights.get(turn), x.top(rows), y.top(rows), null, false, scratch);
  }

  @Override
  public long bytes(int rows) {
    return weights.getFirst().bytes() + rows * (x.cols() + y.cols()) * Float.BYTES;
  }

  @Override
  public double flops(int rows) {
    return 2.0 * rows * x.cols() * y.cols();
  }
}
