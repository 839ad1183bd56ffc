package dev.jangle.decode;

import dev.jangle.backend.Backend;
import dev.jangle.backend.KvLayer;
import dev.jangle.cache.KvCache;
import dev.jangle.cache.KvPool;
import dev.jangle.format.DType;
import dev.jangle.model.Transformer;
import dev.jangle.model.Workspace;
import java.util.Arrays;

/**
 * Measures {@link StepCosts}: whole decoding steps with m rows on an empty cache. The numbers of
 * rows take turns, so that a disturbance falls on all of them alike, and the median of the rounds
 * counts. Numbers of rows stop where a step costs so many times that of one row that no tree is
 * worth it.
 */
final class StepCostMeter {
  private static final int[] ROWS = {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128};
  private static final int MOST_ROUNDS = 7;
  private static final long ENOUGH_NANOS = 1_500_000_000L;
  private static final double WORTHLESS = 5;
  private static final int LONG_CONTEXT = 512;

  private final Transformer transformer;
  private final KvCache cache;
  private final StepRunner runner;

  private StepCostMeter(Transformer transformer, StepRunner runner) {
    this.transformer = transformer;
    this.cache = runner.cache();
    this.runner = runner;
  }

  static StepCosts measure(Transformer transformer, Backend backend, DType kvFormat) {
    int longContext = Math.min(LONG_CONTEXT, transformer.positions() - TokenTree.MAX_NODES);
    int pages = (longContext + TokenTree.MAX_NODES) / KvLayer.PAGE + 1;
    try (Workspace work = transformer.newWorkspace();
        KvCache cache =
            new KvCache(
                new KvPool(backend, transformer.config(), kvFormat, pages), work.kernels());
        StepRunner runner = new StepRunner(transformer, backend, work, cache)) {
      return new StepCostMeter(transformer, runner).measure(longContext);
    }
  }

  private StepCosts measure(int longContext) {
    step(1); // the first pass faults memory in
    int measured = 1;
    double one = step(1);
    while (measured < ROWS.length && (measured < 4 || step(ROWS[measured - 1]) < WORTHLESS * one)) {
      measured++;
    }
    double[] nanos = medians(Arrays.copyOf(ROWS, measured));
    double perRowAndPosition = 0;
    if (longContext >= KvLayer.PAGE) {
      int rows = ROWS[measured - 1];
      while (cache.length() < longContext) {
        int chunk = Math.min(TokenTree.MAX_NODES, longContext - cache.length());
        cache.reserve(chunk);
        cache.commit(chunk); // zeros: keys and values cost the same time whatever they are
      }
      double[] atLength = medians(new int[] {rows});
      perRowAndPosition = (atLength[0] - nanos[measured - 1]) / ((double) rows * longContext);
    }
    return new StepCosts(Arrays.copyOf(ROWS, measured), nanos, perRowAndPosition);
  }

  /** Median time of each number of rows, over rounds in which each has its turn. */
  private double[] medians(int[] rows) {
    double[][] times = new double[rows.length][MOST_ROUNDS];
    long start = System.nanoTime();
    int rounds = 0;
    while (rounds < MOST_ROUNDS && (rounds == 0 || System.nanoTime() - start < ENOUGH_NANOS)) {
      for (int i = 0; i < rows.length; i++) {
        times[i][rounds] = step(rows[i]);
      }
      rounds++;
    }
    double[] medians = new double[rows.length];
    for (int i = 0; i < rows.length; i++) {
      Arrays.sort(times[i], 0, rounds);
      medians[i] = times[i][rounds / 2];
    }
    return medians;
  }

  private long step(int rows) {
    int[] tokens = new int[rows];
    int[] parents = new int[rows];
    for (int i = 0; i < rows; i++) {
      tokens[i] = i % transformer.config().vocabSize();
      parents[i] = (i - 1) / 2; // a binary tree
    }
    parents[0] = -1;
    long start = System.nanoTime();
    long recording = runner.step(tokens, parents, rows, RecyclingDrafts.SUCCESSORS);
    return System.nanoTime() - start - recording;
  }
}
