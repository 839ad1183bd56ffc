package dev.jangle.decode;

import dev.jangle.DraftKind;
import dev.jangle.Statistics;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/** Counts what {@link Statistics} reports. */
final class StatisticsCounter {
  private final Map<DraftKind, Long> bySource = new EnumMap<>(DraftKind.class);
  private long[] drafted = new long[8];
  private long[] accepted = new long[8];
  private int steps;
  private long nodes;

  /** Counts a step of which the first {@code kept} nodes of the path were kept. */
  void step(StepOutcome outcome, int kept) {
    steps++;
    TokenTree tree = outcome.tree();
    nodes += tree.size();
    for (int node = 1; node < tree.size(); node++) {
      drafted = count(drafted, tree.depth[node]);
    }
    for (int i = 1; i < kept; i++) {
      int node = outcome.path()[i];
      accepted = count(accepted, tree.depth[node]);
      bySource.merge(tree.source[node], 1L, Long::sum);
    }
  }

  private static long[] count(long[] perDepth, int depth) {
    long[] grown = depth > perDepth.length ? Arrays.copyOf(perDepth, 2 * depth) : perDepth;
    grown[depth - 1]++;
    return grown;
  }

  Statistics statistics(
      int promptTokens,
      int cachedTokens,
      int generatedTokens,
      long prefillNanos,
      long decodeNanos,
      long firstTokenNanos) {
    int depths = drafted.length;
    while (depths > 0 && drafted[depths - 1] == 0) {
      depths--;
    }
    return new Statistics(
        promptTokens,
        cachedTokens,
        generatedTokens,
        steps,
        nodes,
        prefillNanos,
        decodeNanos,
        firstTokenNanos,
        Arrays.copyOf(drafted, depths),
        Arrays.copyOf(accepted, depths),
        bySource);
  }
}
