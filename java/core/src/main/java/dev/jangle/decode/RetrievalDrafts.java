package dev.jangle.decode;

/**
 * Drafts from the text itself: what followed the longest suffix of (context + path) that occurred
 * before. Looked up at every node, so a path may change from one occurrence to another, and several
 * continuations become branches. The latest occurrence comes first, longer matches before shorter.
 *
 * <p>Feature of a candidate: 1 + 2 * bucket(match length) + (0 for the first, 1 for a later one).
 */
final class RetrievalDrafts implements DraftSource {
  /** Longest match that is told from longer ones. */
  private static final int LONGEST_MATCH = 24;

  private static final int BRANCHES = 4;
  private static final int VISITS = 16;

  private final TokenHistory history;
  private final NgramIndex index;
  private final int[] tail = new int[LONGEST_MATCH + TokenTree.MAX_NODES];

  RetrievalDrafts(TokenHistory history) {
    this.history = history;
    this.index = new NgramIndex(history);
  }

  @Override
  public void propose(TokenTree tree, int node, Candidates out) {
    index.update();
    int end = tail(tree, node);
    int found = 0;
    for (int length = Math.min(NgramIndex.LONGEST, end);
        length >= 1 && found < BRANCHES;
        length--) {
      int position = index.latest(tail, end, length);
      for (int visit = 0; position >= 0 && visit < VISITS && found < BRANCHES; visit++) {
        int entry = out.entry(history.get(position + 1));
        if (entry < 0) {
          return;
        }
        if (out.retrieval[entry] == 0) {
          out.retrieval[entry] = feature(matchLength(position, end, length), found);
          found++;
        }
        position = index.before(position, length);
      }
    }
  }

  /** Fills {@link #tail} with the last tokens up to the node; returns how many. */
  private int tail(TokenTree tree, int node) {
    int depth = tree.depth[node];
    // The root is the history's last token, so the path adds the nodes below it.
    int from = Math.max(0, history.size() - LONGEST_MATCH);
    int end = history.size() - from;
    for (int i = 0; i < end; i++) {
      tail[i] = history.get(from + i);
    }
    for (int walk = node; walk > 0; walk = tree.parent[walk]) {
      tail[end + tree.depth[walk] - 1] = tree.token[walk];
    }
    return end + depth;
  }

  private int matchLength(int position, int end, int known) {
    int length = known;
    while (length < LONGEST_MATCH
        && length < end
        && length <= position
        && history.get(position - length) == tail[end - 1 - length]) {
      length++;
    }
    return length;
  }

  private static int feature(int length, int order) {
    int bucket;
    if (length <= 4) {
      bucket = length - 1;
    } else if (length <= 6) {
      bucket = 4;
    } else if (length <= 9) {
      bucket = 5;
    } else if (length <= 15) {
      bucket = 6;
    } else {
      bucket = 7;
    }
    return 1 + 2 * bucket + Math.min(order, 1);
  }

  @Override
  public void observe(StepOutcome outcome) {}
}
