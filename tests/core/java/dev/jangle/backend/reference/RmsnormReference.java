package dev.jangle.backend.reference;

/** {@code y = x / sqrt(mean(x^2) + eps) * weight}, for each run of n elements. */
public final class RmsnormReference {
  private RmsnormReference() {}

  /** Rows of groups of {@code weight.length} elements. */
  public static double[][] exact(float[][] x, float[] weight, float eps) {
    int n = weight.length;
    double[][] y = new double[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int start = 0; start < x[i].length; start += n) {
        double squares = 0;
        for (int j = start; j < start + n; j++) {
          squares += (double) x[i][j] * x[i][j];
        }
        double root = Math.sqrt(squares / n + eps);
        for (int j = start; j < start + n; j++) {
          y[i][j] = x[i][j] / root * weight[j - start];
        }
      }
    }
    return y;
  }

  /** The same in float32. */
  public static float[][] naive(float[][] x, float[] weight, float eps) {
    int n = weight.length;
    float[][] y = new float[x.length][x[0].length];
    for (int i = 0; i < x.length; i++) {
      for (int start = 0; start < x[i].length; start += n) {
        float squares = 0;
        for (int j = start; j < start + n; j++) {
          squares += x[i][j] * x[i][j];
        }
        float root = (float) Math.sqrt(squares / n + eps);
        for (int j = start; j < start + n; j++) {
          y[i][j] = x[i][j] / root * weight[j - start];
        }
      }
    }
    return y;
  }
}
