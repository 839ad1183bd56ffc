package dev.jangle.cli.kernels;

import dev.jangle.backend.Batch;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.PackedWeight;
import dev.jangle.format.DType;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Rows of the embedding. Batches of other tokens take turns. */
final class EmbedWork implements Work {
  private static final int TURNS = 16;

  private final Kernels kernels;
  private final PackedWeight weight;
  private final Matrix out;
  private final Batches batches;
  private final Map<Integer, List<Batch>> byRows = new HashMap<>();

  EmbedWork(DeviceMemory memory, ModelShape model, DType format, int mostRows) {
    kernels = memory.kernels;
    weight = memory.weight(format, model.vocab(), model.hidden());
    out =
        Matrix.of(
            memory.empty((long) mostRows * model.hidden() * Float.BYTES), mostRows, model.hidden());
    batches = new Batches(memory, model);
  }

  @Override
  public int turns(int rows) {
    return TURNS;
  }

  @Override
  public void call(int rows, int turn) {
    List<Batch> turns =
        byRows.computeIfAbsent(
            rows,
            count ->
                IntStream.range(0, TURNS).mapToObj(seed -> batches.another(count, seed)).toList());
    kernels.embed(turns.get(turn), weight, out.top(rows));
  }

  @Override
  public long bytes(int rows) {
    return rows * (weight.dtype().bytes(weight.k()) + weight.k() * Float.BYTES);
  }
}
