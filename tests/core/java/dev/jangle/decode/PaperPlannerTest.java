package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.DraftKind;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class PaperPlannerTest {
  private static final int K = 10;

  private static TokenTree plan(PaperPlanner planner, TokenHistory history, int maxDepth) {
    TokenTree tree = Steps.tree(history.get(history.size() - 1));
    planner.plan(tree, maxDepth);
    return tree;
  }

  /** Nodes of a source at depths 1 to 5. */
  private static int[] perDepth(TokenTree tree, DraftKind source) {
    int[] counts = new int[5];
    for (int node = 1; node < tree.size(); node++) {
      if (tree.source[node] == source) {
        counts[tree.depth[node] - 1]++;
      }
    }
    return counts;
  }

  /**
   * Gives a planner a chain of rejected nodes whose likeliest tokens are 1000 + 10 * depth + rank.
   */
  private static void observeChain(PaperPlanner planner, int length) {
    TokenTree chain = Steps.tree(0);
    for (int i = 0; i < length; i++) {
      chain.add(i, 1, DraftKind.JACOBI);
    }
    planner.observe(Steps.outcome(chain, K, node -> 1000 + 10 * node));
  }

  /** A text whose last three tokens, 1 2 3, came before; 4 to 8 followed. */
  private static TokenHistory repeating() {
    return Steps.history(1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3);
  }

  @Test
  void medusasTreeHas63Nodes() {
    int[][] paths = MedusaTree.paths();
    assertEquals(63, paths.length);
    int[] counts = new int[4];
    Set<String> all = new TreeSet<>();
    for (int[] path : paths) {
      counts[path.length - 1]++;
      all.add(Arrays.toString(path));
    }
    assertArrayEquals(new int[] {10, 28, 23, 2}, counts);
    assertEquals(63, all.size());
    for (int[] path : paths) {
      int[] above = Arrays.copyOf(path, path.length - 1);
      assertTrue(above.length == 0 || all.contains(Arrays.toString(above)));
    }
  }

  @Test
  void has69NodesWhereNothingMerges() {
    TokenHistory history = repeating();
    PaperPlanner planner = new PaperPlanner(history);
    assertEquals(K, planner.topK());
    observeChain(planner, 5);
    TokenTree tree = plan(planner, history, 100);
    assertEquals(69, tree.size());
    assertArrayEquals(new int[] {10, 28, 23, 2, 0}, perDepth(tree, DraftKind.JACOBI));
    assertArrayEquals(new int[] {1, 1, 1, 1, 1}, perDepth(tree, DraftKind.RETRIEVAL));
  }

  /** A child's token depends on its depth and rank only. */
  @Test
  void isCartesian() {
    TokenHistory history = repeating();
    PaperPlanner planner = new PaperPlanner(history);
    observeChain(planner, 5);
    TokenTree tree = plan(planner, history, 100);
    for (int[] path : MedusaTree.paths()) {
      int node = 0;
      for (int i = 0; i < path.length; i++) {
        // Row d is what followed the chain's node d.
        node = tree.child(node, 1000 + 10 * (i + 1) + path[i]);
        assertTrue(node > 0, Arrays.toString(path));
      }
    }
  }

  @Test
  void equalPrefixesAreOneNode() {
    TokenHistory history = Steps.history(1, 2, 3, 1010, 1020, 6, 9, 1, 2, 3);
    PaperPlanner planner = new PaperPlanner(history);
    observeChain(planner, 5);
    TokenTree tree = plan(planner, history, 100);
    assertEquals(67, tree.size(), "two of the chain are Jacobi drafts already");
    int node = tree.child(tree.child(0, 1010), 1020);
    assertEquals(DraftKind.JACOBI, tree.source[node]);
    assertEquals(DraftKind.RETRIEVAL, tree.source[tree.child(node, 6)]);
  }

  @Test
  void emptyCandidatesAreAheadNoise() {
    TokenHistory history = Steps.history(11, 22, 33, 44, 55, 66, 77);
    Set<Integer> words = Set.of(11, 22, 33, 44, 55, 66, 77);
    PaperPlanner planner = new PaperPlanner(history);
    TokenTree first = plan(planner, history, 100);
    assertTrue(first.size() > 10);
    for (int node = 1; node < first.size(); node++) {
      assertTrue(words.contains(first.token[node]), "" + first.token[node]);
    }
    observeChain(planner, 2);
    TokenTree second = plan(planner, history, 100);
    for (int node = 1; node < second.size(); node++) {
      boolean fresh = second.depth[node] <= 2;
      assertEquals(fresh, second.token[node] >= 1000);
      assertEquals(!fresh, words.contains(second.token[node]));
    }
    assertArrayEquals(new int[] {10, 28}, Arrays.copyOf(perDepth(second, DraftKind.JACOBI), 2));
  }

  /** Noise varies from place to place, and is the same when a run is repeated. */
  @Test
  void noiseCanBeRepeated() {
    TokenHistory history = Steps.history(11, 22, 33, 44, 55, 66, 77);
    int[] draws = new int[200];
    Arrays.setAll(draws, salt -> AheadNoise.draw(history, salt));
    int[] again = new int[200];
    Arrays.setAll(again, salt -> AheadNoise.draw(Steps.history(11, 22, 33, 44, 55, 66, 77), salt));
    assertArrayEquals(draws, again);
    assertEquals(7, Arrays.stream(draws).boxed().collect(Collectors.toSet()).size());
    history.add(11);
    Arrays.setAll(again, salt -> AheadNoise.draw(history, salt));
    assertTrue(!Arrays.equals(draws, again));
  }

  private static int[] retrieved(TokenHistory history, int maxDepth) {
    PaperPlanner planner = new PaperPlanner(history);
    observeChain(planner, 5); // so that no noise merges with the chain
    TokenTree tree = plan(planner, history, maxDepth);
    int deepest = 0;
    for (int node = 1; node < tree.size(); node++) {
      deepest = tree.source[node] == DraftKind.RETRIEVAL ? node : deepest;
    }
    return Steps.path(tree, deepest);
  }

  @Test
  void retrievesTheLatestMatchOfThreeTokens() {
    int[] none = {};
    assertArrayEquals(new int[] {4, 5, 6, 7, 8}, retrieved(repeating(), 100));
    assertArrayEquals(new int[] {4, 5}, retrieved(repeating(), 2));
    assertArrayEquals(
        new int[] {5, 9, 1, 2, 3},
        retrieved(Steps.history(1, 2, 3, 4, 1, 2, 3, 5, 9, 1, 2, 3), 100));
    assertArrayEquals(
        new int[] {5, 1, 2, 3},
        retrieved(Steps.history(1, 2, 3, 5, 1, 2, 3), 100),
        "up to the end");
    assertArrayEquals(none, retrieved(Steps.history(9, 2, 3, 4, 5, 1, 2, 3), 100), "two tokens");
    assertArrayEquals(none, retrieved(Steps.history(1, 2, 3), 100), "itself is no match");
    assertArrayEquals(none, retrieved(Steps.history(1, 1), 100));
    assertArrayEquals(new int[] {1}, retrieved(Steps.history(1, 1, 1, 1), 100));
  }

  @Test
  void respectsTheDepth() {
    TokenHistory history = repeating();
    for (int maxDepth = 0; maxDepth <= 6; maxDepth++) {
      PaperPlanner planner = new PaperPlanner(history);
      observeChain(planner, 5);
      TokenTree tree = plan(planner, history, maxDepth);
      int deepest = Arrays.stream(tree.depth, 0, tree.size()).max().orElseThrow();
      assertEquals(Math.min(maxDepth, 5), deepest);
    }
  }
}
