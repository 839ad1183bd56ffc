package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class BatchesTest {
  private static final int LENGTH = 64;
  private static final NoiseStrategy NOISE = new NoiseStrategy.Segments(5, 0.3);

  private static List<Sample> samples() {
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      samples.add(Samples.of(3 + i % 5, 4 + i % 30));
    }
    return samples;
  }

  private static Batches batches(NoiseStrategy noise, long seed) {
    return new Batches(samples(), noise, seed, LENGTH);
  }

  @Test
  void everySampleComesOnceAnEpoch() {
    Batches batches = batches(new NoiseStrategy.None(), 1);
    for (int epoch = 0; epoch < 3; epoch++) {
      List<String> seen = new ArrayList<>();
      int rows = batches.rows();
      for (int row = 0; row < rows; row++) {
        PackedBatch batch = batches.next(0);
        for (int i = 0; i < batch.used(); i++) {
          if (batch.positions()[i] == 0) {
            int to = i + 1;
            while (to < batch.used() && batch.positions()[to] > 0) {
              to++;
            }
            int first = i;
            while (batch.targets()[first] == PackedBatch.NONE) {
              first++;
            }
            seen.add((first - i + 1) + "+" + (to - first)); // prompt and answer
          }
        }
      }
      List<String> expected =
          samples().stream()
              .map(
                  sample -> {
                    int prompt = 0;
                    while (!sample.written(prompt)) {
                      prompt++;
                    }
                    return prompt + "+" + (sample.length() - prompt);
                  })
              .sorted()
              .toList();
      assertEquals(expected, seen.stream().sorted().toList());
      assertEquals(epoch, batches.place().epoch());
      if (epoch < 2) {
        batches.next(0);
        batches.seek(new Batches.Place(epoch + 1, 0));
      }
    }
  }

  @Test
  void aRowKeepsItsSamplesApart() {
    PackedBatch batch = new PackedBatch(12);
    batch.add(noised(Samples.of(2, 3)));
    batch.add(noised(Samples.of(1, 4)));
    assertEquals(8, batch.used());
    assertArrayEquals(
        new int[] {100, 101, 102, 103, 100, 101, 102, 103, 0, 0, 0, 0}, batch.inputs());
    int no = PackedBatch.NONE;
    assertArrayEquals(
        new int[] {no, 102, 103, 104, 101, 102, 103, 104, no, no, no, no}, batch.targets());
    assertArrayEquals(new int[] {0, 0, 0, 0, 4, 4, 4, 4, 8, 9, 10, 11}, batch.starts());
    assertArrayEquals(new int[] {0, 1, 2, 3, 0, 1, 2, 3, 0, 0, 0, 0}, batch.positions());
    assertEquals(7, batch.learnt());
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> batch.add(noised(Samples.of(3, 3))));
    assertTrue(refusal.getMessage().contains("4 of 12"), refusal.getMessage());
  }

  private static NoisedSample noised(Sample sample) {
    return SegmentPlacer.noise(new NoiseStrategy.None(), sample, 0, new CounterRandom(1));
  }

  @Test
  void noiseNeverChangesTargets() {
    Batches clean = batches(new NoiseStrategy.None(), 5);
    Batches noisy = batches(NOISE, 5);
    boolean changed = false;
    for (int row = 0; row < 3 * clean.rows(); row++) {
      PackedBatch a = clean.next(0.5);
      PackedBatch b = noisy.next(0.5);
      assertArrayEquals(a.targets(), b.targets());
      assertArrayEquals(a.starts(), b.starts());
      assertArrayEquals(a.positions(), b.positions());
      changed |= !Arrays.equals(a.inputs(), b.inputs());
    }
    assertTrue(changed);
  }

  @Test
  void branchesStandBehindTheirSample() {
    NoisedSample sample = noised(Samples.of(2, 4)); // inputs 100 to 104
    sample.branch(2, 2, 0.25, new CounterRandom(1));
    sample.branch(4, 1, 0.25, new CounterRandom(2));
    PackedBatch batch = new PackedBatch(15);
    batch.add(noised(Samples.of(1, 2)));
    batch.add(sample);
    batch.add(noised(Samples.of(1, 2)));
    int[] first = sample.branches().get(0).inputs;
    int second = sample.branches().get(1).inputs[0];
    assertArrayEquals(
        new int[] {
          100, 101, 100, 101, 102, 103, 104, first[0], first[1], second, 100, 101, 0, 0, 0
        },
        batch.inputs());
    int no = PackedBatch.NONE;
    assertArrayEquals(
        new int[] {101, 102, no, 102, 103, 104, 105, 103, 104, 105, 101, 102, no, no, no},
        batch.targets());
    assertArrayEquals(new int[] {0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 10, 10, 12, 13, 14}, batch.starts());
    assertArrayEquals(new int[] {0, 1, 0, 1, 2, 3, 4, 2, 3, 4, 0, 1, 0, 0, 0}, batch.positions());
    assertArrayEquals(new int[] {0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0}, batch.depths());
    int[] gaps = new int[30];
    System.arraycopy(new int[] {4, 7, 4, 7, 6, 9}, 0, gaps, 14, 6);
    assertArrayEquals(gaps, batch.gaps());

    int[] written = new int[15];
    Arrays.setAll(written, i -> 5000 + i);
    PackedBatch next = batch.next(written);
    // The first branch stands for inputs 3 and 4 now, the other has come to the answer's end.
    assertArrayEquals(
        new int[] {100, 101, 100, 101, 102, 103, 104, 5007, 5008, second, 100, 101, 0, 0, 0},
        next.inputs());
    assertArrayEquals(
        new int[] {101, 102, no, 102, 103, 104, 105, 104, 105, no, 101, 102, no, no, no},
        next.targets());
    assertArrayEquals(batch.starts(), next.starts());
    assertArrayEquals(new int[] {0, 1, 0, 1, 2, 3, 4, 3, 4, 4, 0, 1, 0, 0, 0}, next.positions());
    assertArrayEquals(new int[] {0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0}, next.depths());
    System.arraycopy(new int[] {5, 7, 5, 7, 6, 9}, 0, gaps, 14, 6);
    assertArrayEquals(gaps, next.gaps());

    PackedBatch last = next.next(written).next(written);
    assertArrayEquals(
        new int[] {101, 102, no, 102, 103, 104, 105, no, no, no, 101, 102, no, no, no},
        last.targets());
    assertEquals(12, batch.used());
  }

  @Test
  void branchesHavePlacesOfTheirOwn() {
    NoiseStrategy branches = new NoiseStrategy.OwnDrafts(3, 1, 0.5);
    Batches clean = batches(new NoiseStrategy.None(), 5);
    Batches noisy = batches(branches, 5);
    assertEquals(LENGTH, clean.places());
    assertEquals(2 * LENGTH, noisy.places());
    for (int row = 0; row < 2 * clean.rows(); row++) {
      PackedBatch a = clean.next(0.5);
      PackedBatch b = noisy.next(0.5);
      assertTrue(b.used() > a.used());
      int at = 0;
      for (int i = 0; i < b.used(); i++) {
        if (b.depths()[i] == 0) {
          assertEquals(a.inputs()[at], b.inputs()[i]);
          assertEquals(a.targets()[at], b.targets()[i]);
          at++;
        }
      }
      assertEquals(a.used(), at);
    }
  }

  @Test
  void aRunGoesOnWhereItStopped() {
    Batches whole = batches(NOISE, 3);
    Batches stopped = batches(NOISE, 3);
    for (int i = 0; i < 3 * whole.rows(); i++) {
      Batches resumed = batches(NOISE, 3);
      resumed.seek(stopped.place());
      int[] expected = whole.next(0.2).inputs();
      assertArrayEquals(expected, stopped.next(0.2).inputs());
      assertArrayEquals(expected, resumed.next(0.2).inputs());
    }
    assertThrows(
        IllegalArgumentException.class, () -> batches(NOISE, 3).seek(new Batches.Place(0, 1000)));
  }

  @Test
  void epochsAndSeedsDiffer() {
    Batches batches = batches(NOISE, 3);
    int[] first = batches.next(0).inputs();
    batches.seek(new Batches.Place(1, 0));
    assertFalse(Arrays.equals(first, batches.next(0).inputs()));
    assertFalse(Arrays.equals(first, batches(NOISE, 4).next(0).inputs()));
    assertNotEquals(new Batches.Place(0, 1), batches.place());
  }

  @Test
  void rowsAreWellFilled() {
    Batches batches = batches(NOISE, 1);
    int inputs = samples().stream().mapToInt(sample -> sample.length() - 1).sum();
    assertTrue(inputs > 0.85 * LENGTH * batches.rows(), batches.rows() + " rows");
  }

  @Test
  void refusesSamplesThatDoNotFit() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new Batches(List.of(Samples.of(30, 36)), NOISE, 1, LENGTH));
    assertThrows(IllegalArgumentException.class, () -> new Batches(List.of(), NOISE, 1, LENGTH));
  }
}
