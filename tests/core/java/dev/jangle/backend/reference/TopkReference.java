package dev.jangle.backend.reference;

import java.util.Comparator;
import java.util.stream.IntStream;

/** The order of the logits of a row: the largest first, of equals the lower index; -0 is 0. */
public final class TopkReference {
  private TopkReference() {}

  /** All indices in order; null where the row holds a NaN. */
  public static int[] order(float[] logits) {
    for (float logit : logits) {
      if (Float.isNaN(logit)) {
        return null;
      }
    }
    return IntStream.range(0, logits.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -(logits[i] + 0.0)))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /** The lowest index of the largest logit, or -1 where the row holds a NaN. */
  public static int argmax(float[] logits) {
    int best = 0;
    for (int i = 0; i < logits.length; i++) {
      if (Float.isNaN(logits[i])) {
        return -1;
      }
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
