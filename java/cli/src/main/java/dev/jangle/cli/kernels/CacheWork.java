package dev.jangle.cli.kernels;

import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.KvLayer;
import dev.jangle.backend.Matrix;
import dev.jangle.format.DType;
import java.util.stream.IntStream;

/**
 * Operations on positions and their cache: rope, kv_append, attention and kv_gather. Layers of the
 * cache take turns; kv_gather moves slots in all layers of the model at once.
 */
final class CacheWork implements Work {
  private static final float ROPE_THETA = 10000;

  private final Kernels kernels;
  private final BackendKind kind;
  private final Operation operation;
  private final ModelShape model;
  private final DType format;
  private final Batches batches;
  private final int layers;
  private final long layerBytes;
  private final DeviceBuffer cache;
  private final Matrix table;
  private final Matrix heads;
  private final Matrix out;
  private final DeviceBuffer scratch;

  CacheWork(
      DeviceMemory memory,
      Effort effort,
      ModelShape model,
      Operation operation,
      DType format,
      int mostRows) {
    kernels = memory.kernels;
    kind = memory.backend.kind();
    this.operation = operation;
    this.model = model;
    this.format = format;
    batches = new Batches(memory, model);
    layerBytes =
        batches.pages().length * KvLayer.pageBytes(format, model.kvHeads(), model.headDim());
    layers =
        switch (operation) {
          case KV_GATHER -> model.layers();
          case ROPE -> 1;
          default -> effort.turns(layerBytes);
        };
    cache = memory.random(format, layers * layerBytes / format.blockBytes());
    table = ropeTable(memory, model.context() + Batches.MOST_ROWS, model.headDim());
    long width = model.queries() + 2 * model.keys();
    heads = Matrix.of(memory.random(DType.F32, mostRows * width), mostRows, width);
    out =
        Matrix.of(
            memory.empty(mostRows * model.queries() * Float.BYTES), mostRows, model.queries());
    scratch =
        operation == Operation.ATTENTION
            ? memory.scratch(
                kernels.attentionScratchBytes(
                    model.heads(), model.headDim(), mostRows, batches.pages().length))
            : null;
  }

  /** Cosines, then sines, of each position's angles. */
  private static Matrix ropeTable(DeviceMemory memory, int positions, int headDim) {
    float[] table = new float[positions * headDim];
    int half = headDim / 2;
    for (int position = 0; position < positions; position++) {
      for (int j = 0; j < half; j++) {
        double angle = position * Math.pow(ROPE_THETA, -(double) j / half);
        table[position * headDim + j] = (float) Math.cos(angle);
        table[position * headDim + half + j] = (float) Math.sin(angle);
      }
    }
    return Matrix.of(memory.keep(memory.kernels.upload(table)), positions, headDim);
  }

  private KvLayer layer(int index) {
    return new KvLayer(
        cache,
        index * layerBytes,
        format,
        batches.pages().length,
        model.kvHeads(),
        model.headDim());
  }

  @Override
  public int turns(int rows) {
    return operation == Operation.KV_GATHER ? 1 : layers;
  }

  @Override
  public void call(int rows, int turn) {
    Matrix all = heads.top(rows);
    Matrix q = all.columns(0, model.queries());
    switch (operation) {
      case ROPE ->
          kernels.rope(
              batches.of(rows),
              model.headDim(),
              table,
              all.columns(0, model.queries() + model.keys()));
      case KV_APPEND ->
          kernels.kvAppend(
              batches.of(rows),
              layer(turn),
              all.columns(model.queries(), model.keys()),
              all.columns(model.queries() + model.keys(), model.keys()));
      case ATTENTION ->
          kernels.attention(
              batches.of(rows),
              layer(turn),
              model.heads(),
              (float) (1 / Math.sqrt(model.headDim())),
              q,
              out.top(rows),
              scratch);
      case KV_GATHER -> {
        int[] to = IntStream.range(0, rows).map(i -> model.context() + i).toArray();
        int[] from = IntStream.range(0, rows).map(i -> model.context() + 1 + 2 * i).toArray();
        kernels.kvGather(layer(0), layers, layerBytes, batches.pages(), rows, from, to);
      }
      default -> throw new AssertionError(operation);
    }
  }

  @Override
  public long bytes(int rows) {
    long slot = 2 * format.bytes(model.keys()); // a key and a value of every head
    return switch (operation) {
      case ROPE -> rows * (2L * (model.queries() + model.keys()) + model.headDim()) * Float.BYTES;
      case KV_APPEND -> rows * (2 * model.keys() * Float.BYTES + slot);
      case ATTENTION -> (model.context() + rows) * slot + 2L * rows * model.queries() * Float.BYTES;
      case KV_GATHER -> 2L * layers * rows * slot;
      default -> throw new AssertionError(operation);
    };
  }

  @Override
  public double flops(int rows) {
    if (operation != Operation.ATTENTION) {
      return 0;
    }
    long keys =
        IntStream.range(0, rows).mapToLong(i -> model.context() + Batches.depth(i) + 1L).sum();
    return 4.0 * keys * model.queries();
  }

  /** The CPU's kv_gather takes its slots from the host when it is called. */
  @Override
  public boolean recordable() {
    return operation != Operation.KV_GATHER || kind == BackendKind.CUDA;
  }
}
