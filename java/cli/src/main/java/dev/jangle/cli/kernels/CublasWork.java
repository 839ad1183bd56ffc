package dev.jangle.cli.kernels;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.format.DType;

/**
 * The product of {@link MatmulWork} by cuBLAS, whose weights take turns, too. It gets activations
 * in the weight's format; ours are F32 and converted in the call.
 */
final class CublasWork implements Work {
  private final Cublas cublas;
  private final DType format;
  private final long n;
  private final long k;
  private final int turns;
  private final DeviceBuffer weights;
  private final DeviceBuffer x;
  private final DeviceBuffer y;

  CublasWork(
      Cublas cublas, DeviceMemory memory, Effort effort, DType format, long n, long k, int rows) {
    this.cublas = cublas;
    this.format = format;
    this.n = n;
    this.k = k;
    turns = effort.turns(format.bytes(n * k));
    weights = memory.random(format, turns * n * k);
    x = memory.random(format, rows * k);
    y = memory.empty(rows * n * Float.BYTES);
  }

  @Override
  public int turns(int rows) {
    return turns;
  }

  @Override
  public void call(int rows, int turn) {
    cublas.product(format, rows, n, k, x, weights, turn * format.bytes(n * k), y);
  }

  @Override
  public long bytes(int rows) {
    return format.bytes(n * k + rows * k) + rows * n * Float.BYTES;
  }

  @Override
  public double flops(int rows) {
    return 2.0 * rows * n * k;
  }
}
