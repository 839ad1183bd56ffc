package dev.jangle.cli.kernels;

import dev.jangle.backend.Batch;
import dev.jangle.backend.KvLayer;
import java.util.HashMap;
import java.util.Map;
import java.util.random.RandomGenerator;

/**
 * The batches of a measurement, one for each number of rows: a binary tree of random tokens behind
 * the model's committed positions, over pages in random order. Tokens are drawn from the 40
 * likeliest and 95 % of the probability.
 */
final class Batches {
  /** The most rows that a tree may have. */
  static final int MOST_ROWS = 128;

  private final DeviceMemory memory;
  private final ModelShape model;
  private final int[] pages;
  private final Map<Integer, Batch> byRows = new HashMap<>();

  Batches(DeviceMemory memory, ModelShape model) {
    this.memory = memory;
    this.model = model;
    // Room for twice the rows, which kv_gather picks its slots from.
    int count = (model.context() + 2 * MOST_ROWS) / KvLayer.PAGE + 1;
    pages = new int[count];
    RandomGenerator random = RandomValues.generator(3);
    for (int i = 0; i < count; i++) {
      int j = random.nextInt(i + 1);
      pages[i] = pages[j];
      pages[j] = i;
    }
  }

  /** The page table. */
  int[] pages() {
    return pages;
  }

  Batch of(int rows) {
    return byRows.computeIfAbsent(rows, count -> another(count, count));
  }

  /** One more batch of so many rows, of its own tokens. */
  Batch another(int rows, long seed) {
    int[] parents = new int[rows];
    for (int i = 0; i < rows; i++) {
      parents[i] = i == 0 ? -1 : (i - 1) / 2;
    }
    int[] tokens = RandomValues.generator(seed).ints(rows, 0, model.vocab()).toArray();
    Batch batch = memory.keep(memory.kernels.newBatch(rows, pages.length));
    batch.sampling(0.8f, 40, 0.95f, 0, seed);
    batch.set(tokens, parents, 0, rows, model.context(), pages);
    return batch;
  }

  /** Depth of row i, 0 for the first. */
  static int depth(int row) {
    return Integer.SIZE - 1 - Integer.numberOfLeadingZeros(row + 1);
  }
}
