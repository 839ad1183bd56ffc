package dev.jangle.decode;

import dev.jangle.DraftKind;

/**
 * TR-Jacobi as the paper has it (arXiv 2406.17404): 69 nodes, of them the root, the 63 of {@link
 * MedusaTree} filled from the Jacobi rows by depth and rank, and one retrieved chain of 5 that
 * follows the last 3 tokens. An empty candidate is filled with ahead noise. Nodes with equal
 * prefixes are one, so a step may have fewer rows.
 *
 * <p>Mended against the published code: the match is the latest and needs all 3 tokens; rows past
 * the end of the accepted chain are noise, not the distribution of a token that is written already;
 * and there is no padding that could be taken for a match.
 */
final class PaperPlanner implements TreePlanner {
  private static final int WIDTH = 10;
  private static final int NGRAM = 3;
  private static final int[][] PATHS = MedusaTree.paths();

  private final TokenHistory history;
  private final JacobiDrafts jacobi = new JacobiDrafts(WIDTH);
  private final NgramIndex index;

  PaperPlanner(TokenHistory history) {
    this.history = history;
    this.index = new NgramIndex(history);
  }

  @Override
  public int topK() {
    return WIDTH;
  }

  @Override
  public void plan(TokenTree tree, int maxDepth) {
    for (int[] path : PATHS) {
      if (path.length > maxDepth) {
        continue;
      }
      int node = 0;
      for (int depth = 1; depth <= path.length; depth++) {
        node = tree.add(node, candidate(depth, path[depth - 1]), DraftKind.JACOBI);
      }
    }
    retrieve(tree, maxDepth);
  }

  private int candidate(int depth, int rank) {
    int token = jacobi.candidate(depth, rank);
    return token >= 0 ? token : AheadNoise.draw(history, depth * WIDTH + rank);
  }

  private void retrieve(TokenTree tree, int maxDepth) {
    index.update();
    int[] tail = new int[NGRAM];
    int size = history.size();
    if (size < NGRAM) {
      return;
    }
    for (int i = 0; i < NGRAM; i++) {
      tail[i] = history.get(size - NGRAM + i);
    }
    int match = index.latest(tail, NGRAM, NGRAM);
    int node = 0;
    for (int i = 1; match >= 0 && i <= JacobiDrafts.DEPTH && i <= maxDepth; i++) {
      if (match + i >= size) {
        return;
      }
      node = tree.add(node, history.get(match + i), DraftKind.RETRIEVAL);
    }
  }

  @Override
  public void observe(StepOutcome outcome) {
    jacobi.observe(outcome);
  }
}
