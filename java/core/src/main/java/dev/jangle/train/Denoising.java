package dev.jangle.train;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * How often the model wrote the right token after noise, by how far the noise reached: depth 1 is
 * the first noised token of a segment. Immutable.
 *
 * @param right predictions at depths 1, 2...
 * @param all labels at depths 1, 2...
 */
public record Denoising(List<Integer> right, List<Integer> all) {
  /** Depths that are told apart; what stands deeper is not counted. */
  public static final int DEPTHS = 5;

  /** Copies both lists. */
  public Denoising {
    right = List.copyOf(right);
    all = List.copyOf(all);
  }

  /** Share of right predictions at a depth from 1 to 5; NaN where there was no label. */
  public double accuracy(int depth) {
    return (double) right.get(depth - 1) / all.get(depth - 1);
  }

  /** Counts over batches and what the model predicted at their labels. */
  static Denoising of(List<PackedBatch> batches, List<LossHead.Outcome> outcomes) {
    List<Integer> right = new ArrayList<>(Collections.nCopies(DEPTHS, 0));
    List<Integer> all = new ArrayList<>(Collections.nCopies(DEPTHS, 0));
    for (int b = 0; b < batches.size(); b++) {
      PackedBatch batch = batches.get(b);
      int[] predicted = outcomes.get(b).predicted();
      int[] places = batch.labelled();
      for (int label = 0; label < places.length; label++) {
        int depth = batch.depths()[places[label]];
        if (depth >= 1 && depth <= DEPTHS) {
          boolean hit = predicted[label] == batch.targets()[places[label]];
          all.set(depth - 1, all.get(depth - 1) + 1);
          right.set(depth - 1, right.get(depth - 1) + (hit ? 1 : 0));
        }
      }
    }
    return new Denoising(right, all);
  }
}
