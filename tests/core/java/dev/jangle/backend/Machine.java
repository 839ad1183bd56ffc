package dev.jangle.backend;

import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** An instruction-set tier that this processor has, and a number of threads. */
public record Machine(Tier tier, int threads) {
  /** Every tier with 1, 2 and 3 threads. */
  public static Stream<Machine> all() {
    return tiers()
        .flatMap(tier -> IntStream.rangeClosed(1, 3).mapToObj(count -> new Machine(tier, count)));
  }

  /** The tiers, the lowest first. */
  public static Stream<Tier> tiers() {
    try (Backend backend = Backend.open(BackendKind.CPU, 1, null)) {
      Tier best = backend.tier();
      return Arrays.stream(Tier.values()).filter(tier -> tier.compareTo(best) <= 0);
    }
  }

  /** Opens it. */
  public Backend open() {
    return Backend.open(BackendKind.CPU, threads, tier);
  }
}
