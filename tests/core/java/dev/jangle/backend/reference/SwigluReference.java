package dev.jangle.backend.reference;

/** {@code gate / (1 + exp(-gate)) * up}. */
public final class SwigluReference {
  private SwigluReference() {}

  /** Element by element. */
  public static double[][] exact(float[][] gate, float[][] up) {
    double[][] out = new double[gate.length][gate[0].length];
    for (int i = 0; i < gate.length; i++) {
      for (int j = 0; j < gate[i].length; j++) {
        out[i][j] = gate[i][j] / (1 + Math.exp(-(double) gate[i][j])) * up[i][j];
      }
    }
    return out;
  }

  /** The same in float32. */
  public static float[][] naive(float[][] gate, float[][] up) {
    float[][] out = new float[gate.length][gate[0].length];
    for (int i = 0; i < gate.length; i++) {
      for (int j = 0; j < gate[i].length; j++) {
        out[i][j] = gate[i][j] / (1 + (float) Math.exp(-gate[i][j])) * up[i][j];
      }
    }
    return out;
  }
}
