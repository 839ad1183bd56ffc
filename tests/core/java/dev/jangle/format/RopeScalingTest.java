package dev.jangle.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * The expected frequencies are what {@code ROPE_INIT_FUNCTIONS} of transformers 5.23.0 returns, in
 * single precision; some are every third of them.
 */
class RopeScalingTest {
  private static void assertFrequencies(
      double[] expected, int step, double tolerance, double[] found) {
    assertEquals(expected.length, (found.length + step - 1) / step);
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs(found[i * step] - expected[i]) / expected[i];
      assertTrue(error <= tolerance, "frequency " + i * step + ": " + error);
    }
  }

  @Test
  void unscaled() {
    assertFrequencies(
        new double[] {1, 0.1, 0.01, 0.001},
        1,
        1e-15,
        new RopeScaling.None().inverseFrequencies(10000, 8));
    assertEquals(1, new RopeScaling.None().attentionScale());
  }

  @Test
  void linear() {
    double[] expected = {
      0.25,
      0.18747355,
      0.140585333,
      0.105424128,
      0.079056941,
      0.0592843406,
      0.0444569848,
      0.0333380364,
      0.0250000004,
      0.0187473539,
      0.0140585322,
      0.0105424123,
      0.00790569466,
      0.00592843397,
      0.00444569858,
      0.00333380373,
      0.00249999994,
      0.00187473558,
      0.00140585331,
      0.00105424121,
      0.000790569466,
      0.000592843455,
      0.000444569858,
      0.000333380362,
      0.000250000012,
      0.000187473546,
      0.000140585325,
      0.000105424122,
      7.90569466e-05,
      5.92843462e-05,
      4.44569851e-05,
      3.33380376e-05
    };
    assertFrequencies(expected, 1, 2e-7, new RopeScaling.Linear(4).inverseFrequencies(10000, 64));
  }

  @Test
  void llama3() {
    double[] expected = {
      1.0,
      0.540580988,
      0.292227834,
      0.157972813,
      0.0853971019,
      0.0461640507,
      0.0249554086,
      0.0134904198,
      0.00729266508,
      0.00394227589,
      0.00137189368,
      0.00031269365,
      7.78465546e-05,
      4.20823671e-05,
      2.2748929e-05,
      1.22976389e-05,
      6.64786967e-06,
      3.59371188e-06,
      1.94269251e-06,
      1.05018262e-06,
      5.6770881e-07,
      3.06892588e-07
    };
    RopeScaling scaling = new RopeScaling.Llama3(8, 1, 4, 8192);
    assertFrequencies(expected, 3, 1e-6, scaling.inverseFrequencies(500000, 128));
    assertEquals(1, scaling.attentionScale());
  }

  @Test
  void yarn() {
    double[] expected = {
      1.0,
      0.523299158,
      0.273841977,
      0.143301263,
      0.0749894157,
      0.0392418988,
      0.0205352511,
      0.0107460786,
      0.00537532149,
      0.00242342241,
      0.00106436096,
      0.000450323569,
      0.000179841154,
      6.4903943e-05,
      2.88695483e-05,
      1.51074091e-05,
      7.90569356e-06,
      4.13704265e-06,
      2.16491094e-06,
      1.13289593e-06,
      5.92843435e-07,
      3.10234441e-07
    };
    double attention = RopeScaling.Yarn.defaultAttentionFactor(4, 0, 0);
    RopeScaling scaling = new RopeScaling.Yarn(4, 32768, 32, 1, attention, true);
    assertFrequencies(expected, 3, 2e-6, scaling.inverseFrequencies(1000000, 128));
    assertEquals((float) 1.138629436111989, scaling.attentionScale());
  }

  @Test
  void yarnWithBetasAndMscale() {
    double[] expected = {
      1.0,
      0.749894202,
      0.562341332,
      0.421696514,
      0.316227764,
      0.237137362,
      0.177827939,
      0.133352146,
      0.100000001,
      0.0749894157,
      0.0562341288,
      0.0421696492,
      0.0316227786,
      0.0211447477,
      0.0139298551,
      0.00900126994,
      0.00566666666,
      0.003437015,
      0.0019681945,
      0.00101909973,
      0.000421637029,
      5.92843462e-05,
      4.44569851e-05,
      3.3338034e-05,
      2.49999994e-05,
      1.87473543e-05,
      1.40585325e-05,
      1.05424124e-05,
      7.90569447e-06,
      5.92843435e-06,
      4.44569832e-06,
      3.33380353e-06
    };
    double attention = RopeScaling.Yarn.defaultAttentionFactor(40, 0.707, 1);
    RopeScaling scaling = new RopeScaling.Yarn(40, 4096, 16, 2, attention, true);
    assertFrequencies(expected, 1, 5e-6, scaling.inverseFrequencies(10000, 64));
    assertEquals((float) 0.9210423553163399, scaling.attentionScale());
    assertNotEquals(attention, RopeScaling.Yarn.defaultAttentionFactor(40, 0.707, 0));
    assertEquals(1, RopeScaling.Yarn.defaultAttentionFactor(0.5, 0, 0));
  }

  @Test
  void yarnWithoutTruncation() {
    double[] expected = {
      1.0,
      0.689044297,
      0.47478205,
      0.327145875,
      0.225418001,
      0.155322984,
      0.107024424,
      0.0737445652,
      0.0508132726,
      0.0317056961,
      0.0193349998,
      0.0115920492,
      0.00679495931,
      0.00386035908,
      0.00209379266,
      0.00105260219,
      0.000456483918,
      0.000129318694,
      3.83088118e-05,
      2.63964685e-05,
      1.8188337e-05,
      1.25325696e-05,
      8.63549576e-06,
      5.95023948e-06,
      4.09997847e-06,
      2.82506676e-06,
      1.94659629e-06,
      1.34129095e-06,
      9.24208962e-07,
      6.36820914e-07,
      4.38797855e-07,
      3.0235114e-07
    };
    RopeScaling scaling = new RopeScaling.Yarn(32, 4096, 32, 1, 1.25, false);
    assertFrequencies(expected, 1, 5e-6, scaling.inverseFrequencies(150000, 64));
    assertEquals(1.25f, scaling.attentionScale());
  }

  @Test
  void yarnWhoseRampBeginsBelowTheFirstPair() {
    double[] expected = {
      1.0,
      0.42175597,
      0.158113882,
      0.0444569848,
      0.0250000004,
      0.0140585322,
      0.00790569466,
      0.00444569858,
      0.00249999994,
      0.00140585331,
      0.000790569466,
      0.000444569858,
      0.000250000012,
      0.000140585325,
      7.90569466e-05,
      4.44569851e-05
    };
    RopeScaling scaling = new RopeScaling.Yarn(4, 32, 32, 1, 1, true);
    assertFrequencies(expected, 1, 2e-6, scaling.inverseFrequencies(10000, 32));
  }

  @Test
  void factors() {
    float[] divisors = {1, 2, 4, 8};
    RopeScaling.Factors scaling = new RopeScaling.Factors(divisors);
    divisors[0] = 100;
    scaling.divisors()[1] = 100;
    double[] expected = {1, 0.05, 0.0025, 0.000125};
    assertFrequencies(expected, 1, 1e-15, scaling.inverseFrequencies(10000, 8));
    assertThrows(IllegalArgumentException.class, () -> scaling.inverseFrequencies(10000, 16));
    assertEquals(scaling, new RopeScaling.Factors(new float[] {1, 2, 4, 8}));
    assertNotEquals(scaling, new RopeScaling.Factors(new float[] {1, 2, 4, 9}));
    assertArrayEquals(new float[] {1, 2, 4, 8}, scaling.divisors());
  }

  @Test
  void valuesOutOfRange() {
    for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      refused(() -> new RopeScaling.Linear(bad));
      refused(() -> new RopeScaling.Llama3(bad, 1, 4, 8192));
      refused(() -> new RopeScaling.Llama3(8, bad, 4, 8192));
      refused(() -> new RopeScaling.Llama3(8, 1, bad, 8192));
      refused(() -> new RopeScaling.Yarn(bad, 8192, 32, 1, 1, true));
      refused(() -> new RopeScaling.Yarn(4, 8192, bad, 1, 1, true));
      refused(() -> new RopeScaling.Yarn(4, 8192, 32, bad, 1, true));
      refused(() -> new RopeScaling.Yarn(4, 8192, 32, 1, bad, true));
      refused(() -> new RopeScaling.Factors(new float[] {1, (float) bad}));
    }
    refused(() -> new RopeScaling.Llama3(8, 4, 4, 8192));
    refused(() -> new RopeScaling.Llama3(8, 1, 4, 0));
    refused(() -> new RopeScaling.Yarn(4, 0, 32, 1, 1, true));
  }

  private static void refused(Executable executable) {
    assertThrows(IllegalArgumentException.class, executable);
  }
}
