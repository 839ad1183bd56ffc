package dev.jangle.decode;

import java.util.Arrays;

/**
 * A token's last likeliest successors, [vocab][8]; shared by the sessions of a model, so that one
 * answer's text helps the next. Sessions may write at the same time without a lock: an entry is
 * then a mix of two lists, which costs a draft, never a wrong token.
 */
final class RecyclingTable {
  private final int[] successors;
  private final byte[] leads;

  RecyclingTable(int vocab) {
    successors = new int[vocab * RecyclingDrafts.SUCCESSORS];
    Arrays.fill(successors, -1);
    leads = new byte[vocab];
  }

  int successor(int token, int rank) {
    return successors[token * RecyclingDrafts.SUCCESSORS + rank];
  }

  /** 0 to 3: how far the first successor led, in logits: under 1, 2, 4, or more. */
  int leadBucket(int token) {
    return leads[token];
  }

  void put(int token, int[] ids, float[] values, int from, int count) {
    int kept = Math.min(count, RecyclingDrafts.SUCCESSORS);
    System.arraycopy(ids, from, successors, token * RecyclingDrafts.SUCCESSORS, kept);
    float lead = count > 1 ? values[from] - values[from + 1] : 0;
    leads[token] = (byte) (lead < 1 ? 0 : lead < 2 ? 1 : lead < 4 ? 2 : 3);
  }
}
