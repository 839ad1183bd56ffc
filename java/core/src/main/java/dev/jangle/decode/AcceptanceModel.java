package dev.jangle.decode;

import dev.jangle.DraftKind;

/**
 * The probability that a candidate is the token the model chooses, given that its parent was
 * accepted: a logistic regression over which source proposed it how strongly, and its depth,
 * learned online from every candidate whose outcome became known, whether it was in the tree or
 * not. So it needs no exploration and follows the text at hand.
 *
 * <p>Weights start from figures fitted on varied answers; each session learns on its own copy.
 */
final class AcceptanceModel {
  private static final int DEPTHS = 6;
  private static final float RATE = 0.08f;
  private static final float LOWEST = 1e-4f;

  private final float[] retrieval = AcceptancePrior.RETRIEVAL.clone();
  private final float[] recycling = AcceptancePrior.RECYCLING.clone();
  private final float[] jacobi = AcceptancePrior.JACOBI.clone();
  private final float[] depths = AcceptancePrior.DEPTH.clone();

  /** Probability for a candidate's entry, as a child at {@code depth} (from 1). */
  float probability(Candidates candidates, int entry, int depth) {
    float z =
        retrieval[candidates.retrieval[entry]]
            + recycling[candidates.recycling[entry]]
            + jacobi[candidates.jacobi[entry]]
            + depths[Math.min(depth, DEPTHS) - 1];
    float p = (float) (1 / (1 + Math.exp(-z)));
    return Math.max(LOWEST, p);
  }

  /** One step of gradient descent on the log loss of a candidate whose outcome is known. */
  void learn(
      int retrievalFeature, int recyclingFeature, int jacobiFeature, int depth, boolean hit) {
    int level = Math.min(depth, DEPTHS) - 1;
    float z =
        retrieval[retrievalFeature]
            + recycling[recyclingFeature]
            + jacobi[jacobiFeature]
            + depths[level];
    float step = RATE * ((hit ? 1 : 0) - (float) (1 / (1 + Math.exp(-z))));
    retrieval[retrievalFeature] += step;
    recycling[recyclingFeature] += step;
    jacobi[jacobiFeature] += step;
    depths[level] += 0.25f * step;
  }

  /** The source that speaks loudest for a candidate. */
  DraftKind source(Candidates candidates, int entry) {
    int r = candidates.retrieval[entry];
    int c = candidates.recycling[entry];
    int j = candidates.jacobi[entry];
    float byRetrieval = r == 0 ? Float.NEGATIVE_INFINITY : retrieval[r] - retrieval[0];
    float byRecycling = c == 0 ? Float.NEGATIVE_INFINITY : recycling[c] - recycling[0];
    float byJacobi = j == 0 ? Float.NEGATIVE_INFINITY : jacobi[j] - jacobi[0];
    if (byRetrieval >= byRecycling && byRetrieval >= byJacobi) {
      return DraftKind.RETRIEVAL;
    }
    return byJacobi >= byRecycling ? DraftKind.JACOBI : DraftKind.RECYCLING;
  }
}
