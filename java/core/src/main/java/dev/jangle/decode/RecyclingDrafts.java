package dev.jangle.decode;

/**
 * Token Recycling (arXiv 2408.08696): the likeliest successors that the model last gave after a
 * token are drafts wherever that token comes up again. Filled for free by every verified node.
 *
 * <p>Feature of a candidate: 1 + rank, where the first rank is told apart by its lead in logits
 * over the second.
 */
final class RecyclingDrafts implements DraftSource {
  /** Successors kept per token. */
  static final int SUCCESSORS = 8;

  private final RecyclingTable table;

  RecyclingDrafts(RecyclingTable table) {
    this.table = table;
  }

  @Override
  public void propose(TokenTree tree, int node, Candidates out) {
    int token = tree.token[node];
    for (int rank = 0; rank < SUCCESSORS; rank++) {
      int successor = table.successor(token, rank);
      if (successor < 0) {
        return;
      }
      int entry = out.entry(successor);
      if (entry < 0) {
        return;
      }
      out.recycling[entry] = rank == 0 ? 1 + table.leadBucket(token) : 4 + rank;
    }
  }

  @Override
  public void observe(StepOutcome outcome) {
    TokenTree tree = outcome.tree();
    int k = outcome.topK();
    for (int node = 0; node < tree.size(); node++) {
      table.put(tree.token[node], outcome.topIds(), outcome.topValues(), node * k, k);
    }
    // Again for the accepted path: its contexts are true, so they have the last word.
    for (int i = 0; i < outcome.pathLength(); i++) {
      int node = outcome.path()[i];
      table.put(tree.token[node], outcome.topIds(), outcome.topValues(), node * k, k);
    }
  }
}
