package dev.jangle.decode;

import dev.jangle.DraftKind;

/**
 * Plain Jacobi decoding: one chain of 5 drafts below the root. Draft d is the likeliest token after
 * the d-th rejected or noise node of the last step; where there is none it is ahead noise, which
 * the next step denoises. There is no tree, no retrieval and no recycling: what is accepted is what
 * the model itself can make of wrong inputs, so this is the yardstick of training with noise.
 */
final class JacobiPlanner implements TreePlanner {
  private final TokenHistory history;
  private final JacobiDrafts jacobi = new JacobiDrafts(1);

  JacobiPlanner(TokenHistory history) {
    this.history = history;
  }

  @Override
  public int topK() {
    return 1;
  }

  @Override
  public void plan(TokenTree tree, int maxDepth) {
    int node = 0;
    for (int depth = 1; depth <= Math.min(JacobiDrafts.DEPTH, maxDepth); depth++) {
      int token = jacobi.candidate(depth, 0);
      node = tree.add(node, token >= 0 ? token : AheadNoise.draw(history, depth), DraftKind.JACOBI);
    }
  }

  @Override
  public void observe(StepOutcome outcome) {
    jacobi.observe(outcome);
  }
}
