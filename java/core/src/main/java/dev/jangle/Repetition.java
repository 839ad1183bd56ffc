package dev.jangle;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * How much a text repeats itself, by its 3-grams of tokens. A model that loops is easy to draft
 * for, and bad to learn from.
 */
public final class Repetition {
  private static final int N = 3;

  private Repetition() {}

  /** Share of the 3-grams that were there before: 1 - distinct / all; 0 where there are none. */
  public static double of(List<Integer> tokens) {
    int all = tokens.size() - N + 1;
    if (all < 1) {
      return 0;
    }
    Set<List<Integer>> distinct = new HashSet<>();
    for (int i = 0; i < all; i++) {
      distinct.add(List.copyOf(tokens.subList(i, i + N)));
    }
    return 1 - (double) distinct.size() / all;
  }

  /**
   * How many tokens there are up to the last 3-gram that is new. What follows is a loop where it is
   * long; all tokens, where the last 3-gram is new or there is none.
   */
  public static int freshTokens(List<Integer> tokens) {
    Set<List<Integer>> distinct = new HashSet<>();
    int fresh = Math.min(tokens.size(), N - 1);
    for (int end = N; end <= tokens.size(); end++) {
      if (distinct.add(List.copyOf(tokens.subList(end - N, end)))) {
        fresh = end;
      }
    }
    return fresh;
  }
}
