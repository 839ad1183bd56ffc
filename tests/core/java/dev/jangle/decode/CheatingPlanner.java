package dev.jangle.decode;

import dev.jangle.DraftKind;
import java.util.Random;

/**
 * Random trees of up to 128 nodes whose drafts are right with probability 0.6, since it knows what
 * plain decoding wrote, and random tokens otherwise. A new shape at each step: a chain, a star, a
 * binary tree, or nodes below a random one of those before.
 */
final class CheatingPlanner implements TreePlanner {
  private static final double RIGHT = 0.6;
  private static final int[] SIZES = {1, 2, 3, 4, 7, 8, 9, 16, 31, 48, 64, 65, 100, 127, 128};

  private final TokenHistory history;
  private final int promptLength;
  private final int[] truth;
  private final int vocab;
  private final int topK;
  private final Random random;

  /**
   * @param truth what plain decoding wrote after the prompt
   * @param topK likeliest tokens that it asks for and does not use
   */
  CheatingPlanner(
      TokenHistory history, int promptLength, int[] truth, int vocab, int topK, long seed) {
    this.history = history;
    this.promptLength = promptLength;
    this.truth = truth;
    this.vocab = vocab;
    this.topK = topK;
    this.random = new Random(seed);
  }

  @Override
  public void plan(TokenTree tree, int maxDepth) {
    int root = history.size() - 1 - promptLength; // its index in the truth
    boolean[] right = new boolean[TokenTree.MAX_NODES];
    right[0] = true;
    int wanted = SIZES[random.nextInt(SIZES.length)];
    int shape = random.nextInt(4);
    for (int attempt = 0; attempt < 2 * wanted && tree.size() < wanted; attempt++) {
      int size = tree.size();
      int parent =
          switch (shape) {
            case 0 -> size - 1;
            case 1 -> 0;
            case 2 -> (size - 1) / 2;
            default -> random.nextInt(size);
          };
      if (tree.depth[parent] >= maxDepth) {
        continue;
      }
      int next = root + tree.depth[parent] + 1;
      int token = random.nextInt(vocab);
      if (right[parent] && next < truth.length && random.nextDouble() < RIGHT) {
        token = truth[next];
      }
      int child = tree.add(parent, token, DraftKind.RETRIEVAL);
      if (child == size) {
        right[child] = right[parent] && next < truth.length && token == truth[next];
      }
    }
  }

  @Override
  public void observe(StepOutcome outcome) {}

  @Override
  public int topK() {
    return topK;
  }
}
