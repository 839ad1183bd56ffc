package dev.jangle.backend.reference;

/** {@code y[i][j] = sum over k of x[i][k] * w[j][k]}, plus a bias, plus what y held. */
public final class MatmulReference {
  private MatmulReference() {}

  /**
   * The product.
   *
   * @param bias one per column, or null
   * @param y what to add to, or null
   */
  public static double[][] exact(double[][] w, double[][] x, float[] bias, float[][] y) {
    double[][] out = new double[x.length][w.length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < w.length; j++) {
        double sum = 0;
        for (int k = 0; k < x[i].length; k++) {
          sum += x[i][k] * w[j][k];
        }
        out[i][j] = sum + (bias == null ? 0 : bias[j]) + (y == null ? 0 : y[i][j]);
      }
    }
    return out;
  }

  /** The same in float32. */
  public static float[][] naive(double[][] w, double[][] x, float[] bias, float[][] y) {
    float[][] out = new float[x.length][w.length];
    for (int i = 0; i < x.length; i++) {
      for (int j = 0; j < w.length; j++) {
        float sum = 0;
        for (int k = 0; k < x[i].length; k++) {
          sum += (float) x[i][k] * (float) w[j][k];
        }
        out[i][j] = sum + (bias == null ? 0 : bias[j]) + (y == null ? 0 : y[i][j]);
      }
    }
    return out;
  }
}
