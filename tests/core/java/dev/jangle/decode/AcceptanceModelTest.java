package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.DraftKind;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AcceptanceModelTest {
  private static Candidates entry(int retrieval, int recycling, int jacobi) {
    Candidates candidates = new Candidates();
    int entry = candidates.entry(1);
    candidates.retrieval[entry] = retrieval;
    candidates.recycling[entry] = recycling;
    candidates.jacobi[entry] = jacobi;
    return candidates;
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.02, 0.1, 0.3, 0.5, 0.8, 0.97})
  void learnsABiasedCoin(double bias) {
    Random random = new Random(1);
    AcceptanceModel model = new AcceptanceModel();
    double sum = 0;
    int counted = 0;
    for (int i = 0; i < 6000; i++) {
      model.learn(3, 2, 0, 1, random.nextDouble() < bias);
      if (i >= 2000) {
        sum += model.probability(entry(3, 2, 0), 0, 1);
        counted++;
      }
    }
    assertEquals(bias, sum / counted, 0.02 + 0.05 * bias);
  }

  /** Coins that share features and depths: the forecasts of each are right on average. */
  @Test
  void isCalibrated() {
    int[][] kinds = {{1, 0, 0}, {7, 0, 0}, {0, 1, 0}, {0, 8, 0}, {7, 1, 0}, {0, 0, 1}, {0, 8, 1}};
    // Log odds add up, as the model supposes: -2 where nobody proposes.
    double[] odds = {-1.5, 0.8, -0.5, -2.5, 2.3, -2, -2.5};
    Random random = new Random(2);
    AcceptanceModel model = new AcceptanceModel();
    double[] forecast = new double[kinds.length];
    double[] hits = new double[kinds.length];
    for (int i = 0; i < 60_000; i++) {
      int kind = random.nextInt(kinds.length);
      int depth = 1 + random.nextInt(3);
      double p = 1 / (1 + Math.exp(-odds[kind]));
      boolean hit = random.nextDouble() < p;
      int[] f = kinds[kind];
      if (i >= 20_000) {
        forecast[kind] += model.probability(entry(f[0], f[1], f[2]), 0, depth);
        hits[kind] += hit ? 1 : 0;
      }
      model.learn(f[0], f[1], f[2], depth, hit);
    }
    for (int kind = 0; kind < kinds.length; kind++) {
      assertEquals(1, forecast[kind] / hits[kind], 0.12, "kind " + kind);
    }
  }

  @Test
  void aHitRaisesAndAMissLowers() {
    AcceptanceModel model = new AcceptanceModel();
    float before = model.probability(entry(3, 0, 0), 0, 2);
    model.learn(3, 0, 0, 2, true);
    float after = model.probability(entry(3, 0, 0), 0, 2);
    assertTrue(after > before);
    model.learn(3, 0, 0, 2, false);
    assertTrue(model.probability(entry(3, 0, 0), 0, 2) < after);
  }

  @Test
  void aProbabilityIsNeverZeroNorMoreThanOne() {
    AcceptanceModel model = new AcceptanceModel();
    for (int i = 0; i < 100_000; i++) {
      model.learn(1, 1, 1, 1, false);
      model.learn(2, 2, 2, 6, true);
    }
    float low = model.probability(entry(1, 1, 1), 0, 1);
    float high = model.probability(entry(2, 2, 2), 0, 100);
    assertTrue(low > 0 && low < 0.01, "" + low);
    assertTrue(high > 0.99 && high <= 1, "" + high);
  }

  @Test
  void sessionsLearnApart() {
    AcceptanceModel one = new AcceptanceModel();
    AcceptanceModel other = new AcceptanceModel();
    float before = other.probability(entry(1, 0, 0), 0, 1);
    for (int i = 0; i < 100; i++) {
      one.learn(1, 0, 0, 1, true);
    }
    assertEquals(before, other.probability(entry(1, 0, 0), 0, 1));
    assertEquals(before, new AcceptanceModel().probability(entry(1, 0, 0), 0, 1));
  }

  /** Whatever value a source gave, it is named. */
  @Test
  void namesTheSource() {
    AcceptanceModel model = new AcceptanceModel();
    for (int f = 1; f < AcceptancePrior.RETRIEVAL.length; f++) {
      assertEquals(DraftKind.RETRIEVAL, model.source(entry(f, 0, 0), 0));
    }
    for (int f = 1; f < AcceptancePrior.RECYCLING.length; f++) {
      assertEquals(DraftKind.RECYCLING, model.source(entry(0, f, 0), 0));
    }
    for (int f = 1; f < AcceptancePrior.JACOBI.length; f++) {
      assertEquals(DraftKind.JACOBI, model.source(entry(0, 0, f), 0));
    }
    for (int i = 0; i < 200; i++) {
      model.learn(1, 0, 0, 1, false);
      model.learn(0, 1, 0, 1, true);
    }
    assertEquals(DraftKind.RECYCLING, model.source(entry(1, 1, 0), 0), "it was right more often");
  }
}
