package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class NoiseStrategyTest {
  private static final int L = 5;

  static Stream<NoiseStrategy> strategies() {
    return Stream.of(
        new NoiseStrategy.None(),
        new NoiseStrategy.Ahead(L),
        new NoiseStrategy.Segments(L, 0.3),
        new NoiseStrategy.Segments(L, 0.5),
        new NoiseStrategy.Progressive(L, 0.3));
  }

  private static NoisedSample noise(NoiseStrategy strategy, Sample sample, long... key) {
    return SegmentPlacer.noise(strategy, sample, 1, new CounterRandom(key));
  }

  private static int noised(NoisedSample sample) {
    int count = 0;
    for (int i = 0; i < sample.length(); i++) {
      count += sample.depth(i) > 0 ? 1 : 0;
    }
    return count;
  }

  /** Samples of all shapes: answers of 1 to L + 2 tokens, several turns, no prompt at all. */
  private static List<Sample> shapes() {
    return Stream.of(
            new int[] {3, 1},
            new int[] {3, 2},
            new int[] {1, 3},
            new int[] {4, 4},
            new int[] {2, 5},
            new int[] {2, 6},
            new int[] {2, 7},
            new int[] {0, 2},
            new int[] {0, 60},
            new int[] {10, 100},
            new int[] {3, 2, 3, 2},
            new int[] {4, 30, 5, 9, 2, 1, 7, 40})
        .map(Samples::turns)
        .toList();
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void onlyAnswersChangeAndEachTokenComesFromBefore(NoiseStrategy strategy) {
    for (Sample sample : shapes()) {
      for (int key = 0; key < 200; key++) {
        NoisedSample noised = noise(strategy, sample, key);
        assertEquals(sample.length() - 1, noised.length());
        Set<Integer> before = new HashSet<>();
        for (int i = 0; i < noised.length(); i++) {
          if (noised.depth(i) > 0) {
            assertTrue(sample.written(i), "a prompt's token became noise");
            assertTrue(before.contains(noised.input(i)), "noise that does not stand before");
          } else {
            assertEquals(sample.token(i), noised.input(i));
          }
          before.add(noised.input(i));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void depthsCountAlongEachSegment(NoiseStrategy strategy) {
    for (Sample sample : shapes()) {
      for (int key = 0; key < 50; key++) {
        NoisedSample noised = noise(strategy, sample, key);
        int previous = 0;
        for (int i = 0; i < noised.length(); i++) {
          int depth = noised.depth(i);
          assertTrue(depth <= L);
          assertTrue(depth <= 1 || depth == previous + 1, "depth " + depth + " after " + previous);
          previous = depth;
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void theSameKeyGivesTheSameNoiseAndAnotherKeyOther(NoiseStrategy strategy) {
    Sample sample = Samples.of(20, 200);
    Set<String> drawn = new HashSet<>();
    for (long epoch = 0; epoch < 3; epoch++) {
      for (long number = 0; number < 3; number++) {
        String inputs = text(noise(strategy, sample, 7, epoch, number));
        assertEquals(inputs, text(noise(strategy, sample, 7, epoch, number)));
        drawn.add(inputs);
      }
    }
    assertEquals(strategy instanceof NoiseStrategy.None ? 1 : 9, drawn.size());
  }

  private static String text(NoisedSample noised) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < noised.length(); i++) {
      text.append(noised.input(i)).append(' ');
    }
    return text.toString();
  }

  @Test
  void aheadIsOneSegmentAtEveryPlaceThatHoldsIt() {
    Sample sample = Samples.of(3, 12); // inputs 3 to 13 may become noise
    Set<Integer> starts = new HashSet<>();
    for (int key = 0; key < 500; key++) {
      NoisedSample noised = noise(new NoiseStrategy.Ahead(L), sample, key);
      assertEquals(L, noised(noised));
      for (int i = 0; i < noised.length(); i++) {
        if (noised.depth(i) == 1) {
          starts.add(i);
        }
      }
    }
    assertEquals(Set.of(3, 4, 5, 6, 7, 8, 9), starts);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7})
  void aheadIsShortenedToAShortAnswer(int answer) {
    for (int key = 0; key < 50; key++) {
      NoisedSample noised = noise(new NoiseStrategy.Ahead(L), Samples.of(4, answer), key);
      // The answer's last token is a label only.
      assertEquals(Math.min(L, answer - 1), noised(noised));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.05, 0.2, 0.35, 0.5})
  void segmentsReachTheirShare(double share) {
    int open = 0;
    int noised = 0;
    for (int key = 0; key < 300; key++) {
      int answer = 20 + key;
      open += answer - 1;
      noised += noised(noise(new NoiseStrategy.Segments(L, share), Samples.of(9, answer), key));
    }
    assertEquals(share, (double) noised / open, 0.02);
  }

  @Test
  void manyShortAnswersReachTheirShareToo() {
    Sample sample = Samples.turns(3, 12, 3, 12, 3, 12, 3, 12, 3, 12, 3, 12);
    int noised = noised(noise(new NoiseStrategy.Segments(L, 0.4), sample, 1));
    assertEquals(0.4 * 71, noised, L);
  }

  @Test
  void progressiveGrowsFromOneToItsLength() {
    NoiseStrategy strategy = new NoiseStrategy.Progressive(L, 0.3);
    int[] longest = new int[3];
    double[] progress = {0, 0.5, 1};
    for (int p = 0; p < 3; p++) {
      NoisedSample noised =
          SegmentPlacer.noise(strategy, Samples.of(5, 200), progress[p], new CounterRandom(3, p));
      for (int i = 0; i < noised.length(); i++) {
        longest[p] = Math.max(longest[p], noised.depth(i));
      }
    }
    assertEquals(List.of(1, 3, 5), List.of(longest[0], longest[1], longest[2]));
  }

  @Test
  void everyTokenBeforeIsAboutAsLikely() {
    Sample sample = Samples.of(10, 2); // one input may become noise, by one of ten
    int[] counts = new int[10];
    for (int key = 0; key < 10_000; key++) {
      counts[noise(new NoiseStrategy.Ahead(1), sample, key).input(10) - 100]++;
    }
    for (int count : counts) {
      assertEquals(1000, count, 5 * Math.sqrt(1000));
    }
  }

  @Test
  void branchesAreNoiseBesideCleanInputs() {
    NoiseStrategy strategy = new NoiseStrategy.OwnDrafts(L, 0.7, 0.5);
    for (Sample sample : shapes()) {
      for (int key = 0; key < 100; key++) {
        NoisedSample noised = noise(strategy, sample, key);
        assertEquals(0, noised(noised));
        int written = 0;
        Set<Integer> clean = new HashSet<>();
        List<Set<Integer>> before = new ArrayList<>();
        for (int i = 0; i < noised.length(); i++) {
          before.add(new HashSet<>(clean));
          assertEquals(sample.token(i), noised.input(i));
          clean.add(noised.input(i));
          written += noised.open(i) ? 1 : 0;
        }
        for (NoisedSample.Branch branch : noised.branches()) {
          assertTrue(branch.inputs.length >= 1 && branch.inputs.length <= L);
          for (int i = 0; i < branch.inputs.length; i++) {
            assertTrue(noised.open(branch.from + i), "a prompt's token became noise");
            assertTrue(before.get(branch.from).contains(branch.inputs[i]), "not from before");
          }
        }
        int places = noised.places() - noised.length();
        assertTrue(places <= 0.7 * written, places + " places for " + written);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.1, 0.5, 1, 4})
  void branchesReachTheirShareAndEveryPlace(double share) {
    NoiseStrategy strategy = new NoiseStrategy.OwnDrafts(L, share, 0.5);
    Set<Integer> starts = new HashSet<>();
    double places = 0;
    for (int key = 0; key < 200; key++) {
      NoisedSample noised = noise(strategy, Samples.of(6, 201), key);
      places += noised.places() - noised.length();
      noised.branches().forEach(branch -> starts.add(branch.from));
    }
    assertEquals(share * 200, places / 200, share * L + L);
    assertEquals(200, starts.size(), 10);
  }

  @Test
  void refusesWhatIsOutOfRange() {
    for (double share : new double[] {0, -0.1, L + 0.1, Double.NaN}) {
      assertThrows(
          IllegalArgumentException.class, () -> new NoiseStrategy.OwnDrafts(L, share, 0.5));
    }
    for (double share : new double[] {0, -0.1, 0.51, Double.NaN}) {
      assertThrows(IllegalArgumentException.class, () -> new NoiseStrategy.Segments(L, share));
    }
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> new NoiseStrategy.Ahead(0));
    assertTrue(refusal.getMessage().contains("0 tokens"), refusal.getMessage());
    assertNotEquals(new NoiseStrategy.Ahead(4), new NoiseStrategy.Ahead(5));
  }
}
