package dev.jangle.cli.kernels;

import dev.jangle.backend.Batch;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.format.DType;

/**
 * Operations on float32 rows: rmsnorm, residual and swiglu between rows, and argmax, topk and
 * sample over logits. One long buffer is cut into the rows of the turns.
 */
final class RowWork implements Work {
  private static final int BEST = 10;
  private static final float EPS = 1e-5f;

  private final Kernels kernels;
  private final Operation operation;
  private final Effort effort;
  private final Batches batches;
  private final long width;
  private final DeviceBuffer floats;
  private final DeviceBuffer norm;
  private final DeviceBuffer ids;
  private final DeviceBuffer values;
  private final DeviceBuffer scratch;

  RowWork(DeviceMemory memory, Effort effort, ModelShape model, Operation operation, int mostRows) {
    kernels = memory.kernels;
    this.operation = operation;
    this.effort = effort;
    width =
        switch (operation) {
          case RMSNORM, RESIDUAL -> model.hidden();
          case SWIGLU -> model.intermediate();
          default -> model.vocab();
        };
    long elements = Math.max(effort.rotatedBytes() / Float.BYTES, elements(mostRows));
    floats = memory.random(DType.F32, elements);
    norm = memory.random(DType.F32, width);
    ids = memory.empty((long) mostRows * BEST * Integer.BYTES);
    values = memory.empty((long) mostRows * BEST * Float.BYTES);
    scratch =
        operation == Operation.SAMPLE
            ? memory.scratch(kernels.sampleScratchBytes(mostRows, width))
            : null;
    batches = new Batches(memory, model);
  }

  /** Elements of one turn: inputs, then outputs. */
  private long elements(int rows) {
    return rows
        * width
        * switch (operation) {
          case RMSNORM, RESIDUAL -> 2;
          case SWIGLU -> 3;
          default -> 1;
        };
  }

  @Override
  public int turns(int rows) {
    long fitting = floats.bytes() / Float.BYTES / elements(rows);
    return (int) Math.min(effort.mostTurns(), fitting);
  }

  @Override
  public void call(int rows, int turn) {
    long at = turn * elements(rows);
    Matrix first = new Matrix(floats, at, rows, width, width);
    switch (operation) {
      case RMSNORM -> kernels.rmsnorm(first, 1, norm, EPS, second(at, rows));
      case RESIDUAL -> kernels.residual(first, second(at, rows));
      case SWIGLU -> {
        Matrix gate = new Matrix(floats, at, rows, width, 2 * width);
        Matrix up = new Matrix(floats, at + width, rows, width, 2 * width);
        kernels.swiglu(gate, up, new Matrix(floats, at + 2L * rows * width, rows, width, width));
      }
      case ARGMAX -> kernels.argmax(first, ids);
      case TOPK -> kernels.topk(first, BEST, ids, values);
      case SAMPLE -> {
        Batch batch = batches.of(rows);
        kernels.sample(batch, 0, first, ids, scratch);
      }
      default -> throw new AssertionError(operation);
    }
  }

  private Matrix second(long at, int rows) {
    return new Matrix(floats, at + rows * width, rows, width, width);
  }

  @Override
  public long bytes(int rows) {
    // A residual reads both and writes one of them.
    long touched = operation == Operation.RESIDUAL ? 3L * rows * width : elements(rows);
    return (touched + (operation == Operation.RMSNORM ? width : 0)) * Float.BYTES;
  }
}
