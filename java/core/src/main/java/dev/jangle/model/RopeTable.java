package dev.jangle.model;

import dev.jangle.format.ModelConfig;

/** Cosines and sines of rotary position embedding (arXiv 2104.09864), with the model's scaling. */
public final class RopeTable {
  private RopeTable() {}

  /**
   * [positions][headDim]: cosines of headDim/2 angles, then their sines; computed in float64,
   * rounded once.
   */
  public static float[] of(ModelConfig config, int positions) {
    int half = config.headDim() / 2;
    double[] frequencies =
        config.ropeScaling().inverseFrequencies(config.ropeTheta(), config.headDim());
    double scale = config.ropeScaling().attentionScale();
    float[] table = new float[Math.multiplyExact(positions, 2 * half)];
    for (int position = 0; position < positions; position++) {
      int row = position * 2 * half;
      for (int i = 0; i < half; i++) {
        double angle = position * frequencies[i];
        table[row + i] = (float) (Math.cos(angle) * scale);
        table[row + half + i] = (float) (Math.sin(angle) * scale);
      }
    }
    return table;
  }
}
