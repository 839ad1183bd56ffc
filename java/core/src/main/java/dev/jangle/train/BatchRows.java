package dev.jangle.train;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * A packed batch on the device: int32 for each of its rows that hold inputs; the others are not
 * computed. The loss reads only the rows that have a label, so those are numbered on their own:
 * compact row i is row {@code learntRows[i]}.
 */
final class BatchRows {
  final DeviceBuffer inputs;

  /** Rows sorted by input, then by row: the order in which the embedding's gradient adds them. */
  final DeviceBuffer byInput;

  final DeviceBuffer starts;
  final DeviceBuffer positions;
  final DeviceBuffer learntRows;

  /** 0, 1, 2...: compact rows in their own order. */
  final DeviceBuffer ascending;

  /** Of compact rows. */
  final DeviceBuffer targets;

  private final DeviceBuffer gaps;
  private final int rows;
  private int used;
  private int learnt;
  private boolean gapped;
  private double[] weights;

  BatchRows(DeviceMemory memory, Kernels kernels, int rows) {
    this.rows = rows;
    inputs = memory.ints(rows);
    byInput = memory.ints(rows);
    starts = memory.ints(rows);
    gaps = memory.ints(2L * rows);
    positions = memory.ints(rows);
    learntRows = memory.ints(rows);
    ascending = memory.ints(rows);
    targets = memory.ints(rows);
    DeviceMemory.set(kernels, ascending, IntStream.range(0, rows).toArray());
  }

  void set(Kernels kernels, PackedBatch batch) {
    if (batch.length() != rows) {
      throw new IllegalArgumentException(
          "a batch of %d places in buffers for %d".formatted(batch.length(), rows));
    }
    used = Math.max(1, batch.used());
    int[] inputIds = Arrays.copyOf(batch.inputs(), used);
    int[] labels = batch.targets();
    int[] places = batch.labelled();
    learnt = places.length;
    weights = Arrays.stream(places).mapToDouble(i -> batch.weights()[i]).toArray();
    DeviceMemory.set(kernels, inputs, inputIds);
    DeviceMemory.set(kernels, byInput, sorted(inputIds));
    DeviceMemory.set(kernels, starts, Arrays.copyOf(batch.starts(), used));
    gapped = Arrays.stream(batch.gaps()).anyMatch(place -> place > 0);
    if (gapped) {
      DeviceMemory.set(kernels, gaps, Arrays.copyOf(batch.gaps(), 2 * used));
    }
    DeviceMemory.set(kernels, positions, Arrays.copyOf(batch.positions(), used));
    if (learnt > 0) {
      DeviceMemory.set(kernels, learntRows, places);
      DeviceMemory.set(kernels, targets, Arrays.stream(places).map(i -> labels[i]).toArray());
    }
  }

  /** For each row the rows of its sample that it does not attend; null where it attends all. */
  DeviceBuffer gaps() {
    return gapped ? gaps : null;
  }

  /** Rows that are computed. */
  int used() {
    return used;
  }

  /** What each compact row's label counts in the loss. */
  double[] weights() {
    return weights;
  }

  /** Rows that have a label. */
  int learnt() {
    return learnt;
  }

  private static int[] sorted(int[] ids) {
    return IntStream.range(0, ids.length)
        .boxed()
        .sorted(Comparator.comparingInt((Integer i) -> ids[i]).thenComparingInt(i -> i))
        .mapToInt(Integer::intValue)
        .toArray();
  }
}
