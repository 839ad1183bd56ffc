package dev.jangle.backend.reference;

/** One head's softmax(q k^T * scale) v over the keys that the row may see. */
public final class AttentionReference {
  private AttentionReference() {}

  /** Over keys and values [count][headDim]. */
  public static double[] exact(float[] q, float[][] keys, float[][] values, float scale) {
    double[] weights = new double[keys.length];
    double most = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < keys.length; j++) {
      double score = 0;
      for (int d = 0; d < q.length; d++) {
        score += (double) q[d] * keys[j][d];
      }
      weights[j] = score * scale;
      most = Math.max(most, weights[j]);
    }
    double total = 0;
    double[] out = new double[q.length];
    for (int j = 0; j < keys.length; j++) {
      double weight = Math.exp(weights[j] - most);
      total += weight;
      for (int d = 0; d < q.length; d++) {
        out[d] += weight * values[j][d];
      }
    }
    for (int d = 0; d < q.length; d++) {
      out[d] /= total;
    }
    return out;
  }

  /**
   * The most that rounding each weight to float16 changes an element: the change of a weight, one
   * part in 2048, moves the mean by that part of the value's distance from it.
   */
  public static double weightRounding(float[] q, float[][] keys, float[][] values, float scale) {
    double[] mean = exact(q, keys, values, scale);
    double most = 0;
    for (int d = 0; d < q.length; d++) {
      float[][] distances = new float[keys.length][q.length];
      for (int j = 0; j < keys.length; j++) {
        distances[j][d] = (float) Math.abs(values[j][d] - mean[d]);
      }
      most = Math.max(most, exact(q, keys, distances, scale)[d]);
    }
    return most * 0x1p-11 * 1.01;
  }

  /** The same in float32. */
  public static float[] naive(float[] q, float[][] keys, float[][] values, float scale) {
    float[] weights = new float[keys.length];
    float most = Float.NEGATIVE_INFINITY;
    for (int j = 0; j < keys.length; j++) {
      float score = 0;
      for (int d = 0; d < q.length; d++) {
        score += q[d] * keys[j][d];
      }
      weights[j] = score * scale;
      most = Math.max(most, weights[j]);
    }
    float total = 0;
    float[] out = new float[q.length];
    for (int j = 0; j < keys.length; j++) {
      float weight = (float) Math.exp(weights[j] - most);
      total += weight;
      for (int d = 0; d < q.length; d++) {
        out[d] += weight * values[j][d];
      }
    }
    for (int d = 0; d < q.length; d++) {
      out[d] /= total;
    }
    return out;
  }
}
