package dev.jangle.backend;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * An instruction set of the backend under test, and a number of threads. The backend is the CPU, or
 * what system property {@code jangle.test.backend} names.
 */
public record Machine(Tier tier, int threads) {
  /** Every tier with 1, 2 and 3 threads. */
  public static Stream<Machine> all() {
    if (kind() == BackendKind.CUDA) {
      return Stream.of(best(1));
    }
    return tiers()
        .flatMap(tier -> IntStream.rangeClosed(1, 3).mapToObj(count -> new Machine(tier, count)));
  }

  /** The tiers, the lowest first. */
  public static Stream<Tier> tiers() {
    try (Backend backend = Backend.open(kind(), 1, null)) {
      Tier best = backend.tier();
      return best == Tier.CUDA
          ? Stream.of(best)
          : Arrays.stream(Tier.values()).filter(tier -> tier.compareTo(best) <= 0);
    }
  }

  /** The best instruction set. */
  public static Machine best(int threads) {
    return new Machine(tiers().toList().getLast(), threads);
  }

  /** The backend under test. */
  public static BackendKind kind() {
    return BackendKind.valueOf(
        System.getProperty("jangle.test.backend", "cpu").toUpperCase(Locale.ROOT));
  }

  /** Opens it. */
  public Backend open() {
    return Backend.open(kind(), threads, tier);
  }
}
