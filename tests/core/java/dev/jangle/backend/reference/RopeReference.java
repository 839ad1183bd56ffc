package dev.jangle.backend.reference;

/**
 * Turns each pair {@code (x[j], x[j + h])} of a head of 2h elements by the angle of the row's
 * position: {@code (x[j] cos - x[j + h] sin, x[j + h] cos + x[j] sin)}.
 */
public final class RopeReference {
  private RopeReference() {}

  /**
   * Heads of {@code table[0].length} elements.
   *
   * @param table per position h cosines, then h sines
   * @param positions of the rows
   */
  public static double[][] exact(float[][] x, float[][] table, int[] positions) {
    int h = table[0].length / 2;
    double[][] y = new double[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      float[] angles = table[positions[i]];
      for (int head = 0; head < x[i].length; head += 2 * h) {
        for (int j = 0; j < h; j++) {
          double low = x[i][head + j];
          double high = x[i][head + j + h];
          y[i][head + j] = low * angles[j] - high * angles[j + h];
          y[i][head + j + h] = high * angles[j] + low * angles[j + h];
        }
      }
    }
    return y;
  }

  /** The same in float32. */
  public static float[][] naive(float[][] x, float[][] table, int[] positions) {
    int h = table[0].length / 2;
    float[][] y = new float[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      float[] angles = table[positions[i]];
      for (int head = 0; head < x[i].length; head += 2 * h) {
        for (int j = 0; j < h; j++) {
          float low = x[i][head + j];
          float high = x[i][head + j + h];
          y[i][head + j] = low * angles[j] - high * angles[j + h];
          y[i][head + j + h] = high * angles[j] + low * angles[j + h];
        }
      }
    }
    return y;
  }
}
