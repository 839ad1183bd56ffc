package dev.jangle.format;

import java.util.Arrays;

/**
 * How a model's rotary frequencies are scaled for longer contexts. The formulas are those of {@code
 * ROPE_INIT_FUNCTIONS} in transformers' {@code modeling_rope_utils.py}, and for {@link Factors} of
 * llama.cpp; they are evaluated in double precision (transformers: in single). Immutable and
 * thread-safe. Constructors throw {@link IllegalArgumentException} for values out of range.
 */
public sealed interface RopeScaling {
  /**
   * The angle by which pair j turns per position, for j in [0, headDim / 2).
   *
   * @param theta the base, above 1
   * @param headDim width of a head, even
   */
  double[] inverseFrequencies(double theta, int headDim);

  /** What multiplies every cosine and sine; 1 except for YaRN. */
  default float attentionScale() {
    return 1;
  }

  /** Frequency j is {@code theta^(-2j / headDim)}. */
  record None() implements RopeScaling {
    @Override
    public double[] inverseFrequencies(double theta, int headDim) {
      return unscaled(theta, headDim);
    }
  }

  /** All frequencies divided by {@code factor}: position interpolation, arXiv 2306.15595. */
  record Linear(double factor) implements RopeScaling {
    public Linear {
      positive("factor", factor);
    }

    @Override
    public double[] inverseFrequencies(double theta, int headDim) {
      double[] frequencies = unscaled(theta, headDim);
      for (int j = 0; j < frequencies.length; j++) {
        frequencies[j] /= factor;
      }
      return frequencies;
    }
  }

  /**
   * Llama 3.1's: wavelengths above {@code originalContext / lowFreqFactor} are stretched by {@code
   * factor}, those below {@code originalContext / highFreqFactor} are kept, with a linear blend
   * between.
   */
  record Llama3(double factor, double lowFreqFactor, double highFreqFactor, int originalContext)
      implements RopeScaling {
    public Llama3 {
      positive("factor", factor);
      positive("low_freq_factor", lowFreqFactor);
      positive("high_freq_factor", highFreqFactor);
      positive("original_max_position_embeddings", originalContext);
      if (highFreqFactor <= lowFreqFactor) {
        throw new IllegalArgumentException(
            "high_freq_factor "
                + highFreqFactor
                + " is not greater than low_freq_factor "
                + lowFreqFactor);
      }
    }

    @Override
    public double[] inverseFrequencies(double theta, int headDim) {
      double[] frequencies = unscaled(theta, headDim);
      for (int j = 0; j < frequencies.length; j++) {
        double wavelength = 2 * Math.PI / frequencies[j];
        if (wavelength > originalContext / lowFreqFactor) {
          frequencies[j] /= factor;
        } else if (wavelength >= originalContext / highFreqFactor) {
          double smooth =
              (originalContext / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
          frequencies[j] = (1 - smooth) * frequencies[j] / factor + smooth * frequencies[j];
        }
      }
      return frequencies;
    }
  }

  /**
   * YaRN, arXiv 2309.00071: pairs that turn more than {@code betaFast} times within the original
   * context keep their frequency, those that turn less than {@code betaSlow} times are divided by
   * {@code factor}, with a linear ramp between.
   *
   * @param attentionFactor what multiplies cosines and sines
   * @param truncate whether the ramp begins and ends at whole pairs
   */
  record Yarn(
      double factor,
      int originalContext,
      double betaFast,
      double betaSlow,
      double attentionFactor,
      boolean truncate)
      implements RopeScaling {
    public Yarn {
      positive("factor", factor);
      positive("original_max_position_embeddings", originalContext);
      positive("beta_fast", betaFast);
      positive("beta_slow", betaSlow);
      positive("attention_factor", attentionFactor);
    }

    /**
     * The attention factor of a model that does not state it.
     *
     * @param mscale weight of log(factor), or 0 where not stated
     * @param mscaleAllDim the same for the divisor; used only if both are not 0
     */
    public static double defaultAttentionFactor(double factor, double mscale, double mscaleAllDim) {
      return mscale != 0 && mscaleAllDim != 0
          ? mscale(factor, mscale) / mscale(factor, mscaleAllDim)
          : mscale(factor, 1);
    }

    private static double mscale(double factor, double weight) {
      return factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
    }

    @Override
    public float attentionScale() {
      return (float) attentionFactor;
    }

    @Override
    public double[] inverseFrequencies(double theta, int headDim) {
      double low = pairOf(betaFast, theta, headDim);
      double high = pairOf(betaSlow, theta, headDim);
      if (truncate) {
        low = Math.floor(low);
        high = Math.ceil(high);
      }
      low = Math.max(low, 0);
      high = Math.min(high, headDim - 1);
      if (low == high) {
        high += 0.001;
      }
      double[] frequencies = unscaled(theta, headDim);
      for (int j = 0; j < frequencies.length; j++) {
        double kept = 1 - Math.clamp((j - low) / (high - low), 0.0, 1.0);
        frequencies[j] = frequencies[j] / factor * (1 - kept) + frequencies[j] * kept;
      }
      return frequencies;
    }

    /** The (fractional) pair that turns this often within the original context. */
    private double pairOf(double turns, double theta, int headDim) {
      return headDim * Math.log(originalContext / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }
  }

  /**
   * Frequency j divided by {@code divisors[j]}: the tensor {@code rope_freqs.weight} of GGUF files.
   *
   * @param divisors headDim / 2 of them
   */
  @SuppressWarnings("ArrayRecordComponent") // copied in and out, compared by content
  record Factors(float[] divisors) implements RopeScaling {
    public Factors {
      divisors = divisors.clone();
      for (float divisor : divisors) {
        positive("divisor", divisor);
      }
    }

    /** A copy of the divisors. */
    @Override
    public float[] divisors() {
      return divisors.clone();
    }

    /** Throws {@link IllegalArgumentException} unless there are headDim / 2 divisors. */
    @Override
    public double[] inverseFrequencies(double theta, int headDim) {
      if (divisors.length != headDim / 2) {
        throw new IllegalArgumentException(
            divisors.length + " divisors, expected headDim / 2 = " + headDim / 2);
      }
      double[] frequencies = unscaled(theta, headDim);
      for (int j = 0; j < frequencies.length; j++) {
        frequencies[j] /= divisors[j];
      }
      return frequencies;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Factors that && Arrays.equals(divisors, that.divisors);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(divisors);
    }

    @Override
    public String toString() {
      return "Factors" + Arrays.toString(divisors);
    }
  }

  private static double[] unscaled(double theta, int headDim) {
    double[] frequencies = new double[headDim / 2];
    for (int j = 0; j < frequencies.length; j++) {
      frequencies[j] = 1 / Math.pow(theta, 2.0 * j / headDim);
    }
    return frequencies;
  }

  private static void positive(String name, double value) {
    if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "RoPE scaling's " + name + " is " + value + ", expected a positive finite number");
    }
  }
}
