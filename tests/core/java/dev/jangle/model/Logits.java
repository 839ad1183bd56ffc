package dev.jangle.model;

import static org.junit.jupiter.api.Assertions.fail;

/** What the tests ask of logits. */
final class Logits {
  private Logits() {}

  /** The lowest index of the largest; fails on a NaN. */
  static int argmax(float[] logits) {
    int best = 0;
    for (int j = 0; j < logits.length; j++) {
      if (Float.isNaN(logits[j])) {
        fail("logit " + j + " is NaN");
      }
      best = logits[j] > logits[best] ? j : best;
    }
    return best;
  }

  /** Fails unless every bit is the same. */
  static void assertBits(float[][] expected, float[][] found, String what) {
    for (int i = 0; i < expected.length; i++) {
      for (int j = 0; j < expected[i].length; j++) {
        if (Float.floatToRawIntBits(expected[i][j]) != Float.floatToRawIntBits(found[i][j])) {
          fail(
              "%s: position %d, logit %d: %s and %s"
                  .formatted(what, i, j, expected[i][j], found[i][j]));
        }
      }
    }
  }

  /** Fails unless the errors are within the bounds; a NaN never is. */
  static void assertNear(
      float[][] expected, float[][] found, double largestBound, double rmsBound, String what) {
    double largest = 0;
    double squares = 0;
    long count = 0;
    for (int i = 0; i < expected.length; i++) {
      for (int j = 0; j < expected[i].length; j++) {
        double error = Math.abs((double) expected[i][j] - found[i][j]);
        if (!(error <= largestBound)) {
          fail(
              "%s: position %d, logit %d: %s, expected %s +- %.3g"
                  .formatted(what, i, j, found[i][j], expected[i][j], largestBound));
        }
        largest = Math.max(largest, error);
        squares += error * error;
        count++;
      }
    }
    double rms = Math.sqrt(squares / count);
    if (!(rms <= rmsBound)) {
      fail(
          "%s: the error's root mean square is %.3g, the bound %.3g"
              .formatted(what, rms, rmsBound));
    }
    System.out.printf(
        "%s: largest error %.3g of %.3g allowed, rms %.3g of %.3g%n",
        what, largest, largestBound, rms, rmsBound);
  }
}
