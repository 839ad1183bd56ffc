package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.reference.SampleReference;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SampleTest {
  private static final long SEED = 0x123456789abcdef0L;
  private static final int FIRST_ROW = 2;

  /** Differences that float32 cannot tell; a draw this close to another one proves nothing. */
  private static final double CLOSE = 1e-4;

  private record Filters(float temperature, int topK, float topP, float minP) {}

  private static final Filters[] FILTERS = {
    new Filters(1, 0, 1, 0),
    new Filters(0.3f, 0, 1, 0),
    new Filters(3, 0, 1, 0),
    new Filters(1, 1, 1, 0),
    new Filters(2, 64, 1, 0),
    new Filters(4, 150, 1, 0),
    new Filters(1, 0, 0.3f, 0),
    new Filters(5, 0, 0.93f, 0),
    new Filters(2, 0, 1, 0.3f),
    new Filters(2, 20, 0.8f, 0),
    new Filters(2, 100, 0.7f, 0.1f)
  };

  /** Known answers of the generator, from Random123's kat_vectors. */
  @Test
  void theReferencesGeneratorGivesThePublishedWords() {
    assertArrayEquals(
        new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        SampleReference.philox(new int[4], 0));
    assertArrayEquals(
        new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
        SampleReference.philox(
            new int[] {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822L));
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isTheReferencesDraw(Machine machine) {
    try (Device device = new Device(machine)) {
      int told = 0;
      int drawn = 0;
      for (int n : new int[] {1, 2, 15, 64, 100, 257, 1000}) {
        for (Filters filters : FILTERS) {
          Tree tree = Tree.random(n, 40, n);
          float[][] logits = TestData.normals(n, tree.rows() - FIRST_ROW, n);
          for (float[] row : logits) {
            for (int j = 0; j < n; j++) {
              row[j] *= 3;
            }
          }
          int[] found = draw(device, tree, logits, filters);
          for (int i = 0; i < logits.length; i++) {
            SampleReference.Draw draw =
                SampleReference.exact(
                    logits[i],
                    filters.temperature,
                    filters.topK,
                    filters.topP,
                    filters.minP,
                    SEED,
                    tree.position(FIRST_ROW + i));
            drawn++;
            if (draw.margin() > CLOSE) {
              told++;
              assertEquals(draw.token(), found[i], "row %d of %d, %s".formatted(i, n, filters));
            }
          }
        }
      }
      assertTrue(told > drawn * 0.9, told + " of " + drawn + " draws were far enough from others");
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void nanAndInfinity(Machine machine) {
    try (Device device = new Device(machine)) {
      for (Filters filters : FILTERS) {
        float[][] logits = TestData.normals(9, 4, 90);
        logits[0][17] = Float.NaN;
        logits[1][63] = Float.POSITIVE_INFINITY;
        Arrays.fill(logits[2], Float.NEGATIVE_INFINITY);
        logits[2][88] = -5; // all others are masked
        Arrays.fill(logits[3], Float.NEGATIVE_INFINITY);
        int[] found = draw(device, Tree.chain(4 + FIRST_ROW, 3), logits, filters);
        assertArrayEquals(new int[] {-1, 63, 88, 0}, found, filters.toString());
      }
    }
  }

  private static int[] draw(Device device, Tree tree, float[][] logits, Filters filters) {
    int rows = logits.length;
    Batch batch = device.keep(device.kernels.newBatch(tree.rows(), tree.pages()));
    batch.sampling(filters.temperature, filters.topK, filters.topP, filters.minP, SEED);
    batch.set(
        new int[tree.rows()],
        tree.parents(),
        0,
        tree.rows(),
        tree.committed(),
        new int[tree.pages()]);
    DeviceBuffer ids = device.ones(4L * rows);
    long bytes = device.kernels.sampleScratchBytes(rows, logits[0].length);
    device.kernels.sample(
        batch, FIRST_ROW, device.input(logits), ids, bytes == 0 ? null : device.ones(bytes));
    return device.ints(ids, rows);
  }
}
