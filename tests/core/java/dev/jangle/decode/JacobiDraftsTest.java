package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JacobiDraftsTest {
  private static final int K = 8;

  private static List<Integer> firsts(JacobiDrafts drafts) {
    List<Integer> firsts = new ArrayList<>();
    for (int depth = 1; depth <= drafts.fresh(); depth++) {
      firsts.add(drafts.candidate(depth, 0));
    }
    return firsts;
  }

  @Test
  void thereIsNothingBeforeTheFirstStep() {
    JacobiDrafts drafts = new JacobiDrafts(K);
    assertEquals(0, drafts.fresh());
    assertEquals(-1, drafts.candidate(1, 0));
    Candidates candidates = new Candidates();
    drafts.propose(Steps.tree(3), 0, candidates);
    assertEquals(0, candidates.size());
  }

  /** The root, a rejected chain of three below it: three rows, of the chain's nodes. */
  @Test
  void rowsAreThoseOfTheRejectedChain() {
    TokenTree tree = Steps.tree(1, new int[] {0, 2}, new int[] {1, 3}, new int[] {2, 4});
    JacobiDrafts drafts = new JacobiDrafts(K);
    drafts.observe(Steps.outcome(tree, K, node -> 100 + 10 * node));
    assertEquals(List.of(110, 120, 130), firsts(drafts));
    assertEquals(117, drafts.candidate(1, 7));
    assertEquals(-1, drafts.candidate(1, 8), "past the width");
    assertEquals(-1, drafts.candidate(4, 0), "past the chain");
  }

  /** The whole tree was accepted: nothing hangs below its end, so there is no row. */
  @Test
  void noneIsMadeUp() {
    TokenTree tree = Steps.tree(1, new int[] {0, 2}, new int[] {1, 3});
    JacobiDrafts drafts = new JacobiDrafts(K);
    drafts.observe(Steps.outcome(Steps.tree(1, new int[] {0, 2}), K, node -> 50));
    assertEquals(1, drafts.fresh());
    int[] first = {2, 3, 120};
    drafts.observe(Steps.outcome(tree, K, node -> first[node]));
    assertEquals(0, drafts.fresh(), "rows of the step before are not kept either");
    assertEquals(-1, drafts.candidate(1, 0));
  }

  /** Drafts beside the accepted path, or above its end, say nothing of what comes next. */
  @Test
  void onlyNodesBelowTheLastAcceptedCount() {
    TokenTree tree =
        Steps.tree(
            1,
            new int[] {0, 2}, // accepted
            new int[] {0, 3},
            new int[] {2, 4},
            new int[] {3, 5},
            new int[] {1, 6}); // below the accepted
    int[] first = {2, 110, 120, 130, 140, 150};
    JacobiDrafts drafts = new JacobiDrafts(K);
    drafts.observe(Steps.outcome(tree, K, node -> first[node]));
    assertEquals(List.of(150), firsts(drafts));
  }

  @Test
  void proposesByDepthAndRank() {
    TokenTree tree = Steps.tree(1, new int[] {0, 2}, new int[] {1, 3});
    JacobiDrafts drafts = new JacobiDrafts(K);
    drafts.observe(Steps.outcome(tree, K, node -> 100 + 10 * node));
    TokenTree next = Steps.tree(9, new int[] {0, 8}, new int[] {1, 7});
    Candidates candidates = new Candidates();
    drafts.propose(next, 1, candidates);
    assertEquals(K, candidates.size());
    for (int rank = 0; rank < K; rank++) {
      assertEquals(120 + rank, candidates.token[rank]);
      assertEquals(1 + rank, candidates.jacobi[rank]);
    }
    candidates.clear();
    drafts.propose(next, 2, candidates);
    assertEquals(0, candidates.size());
  }

  @Test
  void fewerRanksThanItsWidthAreFilledWithNothing() {
    JacobiDrafts drafts = new JacobiDrafts(10);
    drafts.observe(Steps.outcome(Steps.tree(1, new int[] {0, 2}), 3, node -> 50));
    assertEquals(52, drafts.candidate(1, 2));
    assertEquals(-1, drafts.candidate(1, 3));
  }

  /** Each row is that of a node below the last accepted one, at that depth, on one chain. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void rowsFollowTheLongestChain(long seed) {
    Random random = new Random(seed);
    boolean cut = false;
    for (int round = 0; round < 500; round++) {
      TokenTree tree = Steps.randomTree(random, 1 + random.nextInt(60), 6);
      // The model's choice after a node is a draft of its, or else a token that names the node.
      int[] first = new int[tree.size()];
      for (int node = 0; node < first.length; node++) {
        first[node] = random.nextBoolean() ? random.nextInt(6) : 1000 + 100 * node;
      }
      StepOutcome chosen = Steps.outcome(tree, K, node -> first[node]);
      int[] topIds = chosen.topIds();
      for (int node = 0; node < first.length; node++) {
        topIds[node * K] = 1000 + 100 * node; // what the rows show, whatever was chosen
      }
      JacobiDrafts drafts = new JacobiDrafts(K);
      drafts.observe(chosen);
      int height = height(tree, chosen.last());
      assertEquals(Math.min(height, JacobiDrafts.DEPTH), drafts.fresh());
      cut |= height > JacobiDrafts.DEPTH;
      int above = chosen.last();
      for (int depth = 1; depth <= drafts.fresh(); depth++) {
        int node = (drafts.candidate(depth, 0) - 1000) / 100;
        assertEquals(above, tree.parent[node]);
        assertEquals(height - depth, height(tree, node));
        above = node;
      }
    }
    assertTrue(cut);
  }

  /** Levels below a node. */
  private static int height(TokenTree tree, int node) {
    int height = 0;
    for (int child = node + 1; child < tree.size(); child++) {
      if (tree.parent[child] == node) {
        height = Math.max(height, 1 + height(tree, child));
      }
    }
    return height;
  }
}
