package dev.jangle.backend.reference;

/**
 * A draw from the filtered softmax: the largest of {@code (logit - largest) / temperature} plus
 * Gumbel noise over the kept tokens. The noise is that of {@code gumbel.h}: Philox4x32-10 (Salmon
 * et al., SC 2011) keyed by the seed.
 */
public final class SampleReference {
  private SampleReference() {}

  /**
   * A draw.
   *
   * @param token drawn
   * @param margin how far the choice is from another one: by a filter's edge or by the noise
   */
  public record Draw(int token, double margin) {}

  /** Kept: the topK largest (0: all), of these topP (1: all), of these minP (0: all). */
  public static Draw exact(
      float[] logits,
      float temperature,
      int topK,
      float topP,
      float minP,
      long seed,
      int position) {
    int[] order = TopkReference.order(logits);
    int kept = topK == 0 ? logits.length : Math.min(topK, logits.length);
    double[] x = new double[kept];
    double total = 0;
    for (int i = 0; i < kept; i++) {
      x[i] = ((double) logits[order[i]] - logits[order[0]]) / temperature;
      total += Math.exp(x[i]);
    }
    double margin = Double.POSITIVE_INFINITY;
    double best = Double.NEGATIVE_INFINITY;
    double second = best;
    int token = -1;
    double sum = 0;
    for (int i = 0; i < kept && (topP == 1 || sum < topP * total); i++) {
      double weight = Math.exp(x[i]);
      sum += weight;
      margin = topP == 1 ? margin : Math.min(margin, Math.abs(sum - topP * total));
      margin = minP == 0 ? margin : Math.min(margin, Math.abs(weight - minP));
      if (weight < minP) {
        continue;
      }
      double noisy = x[i] + noise(seed, position + 1, order[i]);
      if (noisy > best) {
        second = best;
        best = noisy;
        token = order[i];
      } else {
        second = Math.max(second, noisy);
      }
    }
    return new Draw(token, Math.min(margin, best - second));
  }

  /** The noise of a token at the position that it would take. */
  static double noise(long seed, int position, int token) {
    int[] words = philox(new int[] {token / 64 * 16 + token % 16, position, 0, 0}, seed);
    double v = (Integer.toUnsignedLong(words[token / 16 % 4]) + 0.5) * 0x1p-32;
    return -Math.log(-Math.log1p(-Math.min(v, 1 - 0x1p-24)));
  }

  /** Ten rounds; the key is the seed's two words, the low one first. */
  public static int[] philox(int[] counter, long seed) {
    int[] c = counter;
    int key0 = (int) seed;
    int key1 = (int) (seed >>> 32);
    for (int round = 0; round < 10; round++) {
      long a = 0xD2511F53L * Integer.toUnsignedLong(c[0]);
      long b = 0xCD9E8D57L * Integer.toUnsignedLong(c[2]);
      c =
          new int[] {
            (int) (b >>> 32) ^ c[1] ^ key0, (int) b, (int) (a >>> 32) ^ c[3] ^ key1, (int) a
          };
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
    return c;
  }
}
