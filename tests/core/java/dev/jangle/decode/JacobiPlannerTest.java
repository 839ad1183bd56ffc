package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.DraftKind;
import dev.jangle.GenerationOptions;
import dev.jangle.Statistics;
import dev.jangle.backend.Machine;
import dev.jangle.format.DType;
import java.io.IOException;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.Test;

class JacobiPlannerTest {
  private static final int[] WORDS = {11, 22, 33, 44, 55, 66, 77};

  private static TokenTree plan(JacobiPlanner planner, TokenHistory history, int maxDepth) {
    TokenTree tree = Steps.tree(history.get(history.size() - 1));
    planner.plan(tree, maxDepth);
    return tree;
  }

  /** The drafts of a tree that has to be a chain. */
  private static int[] chain(TokenTree tree) {
    for (int node = 1; node < tree.size(); node++) {
      assertEquals(node - 1, tree.parent[node]);
      assertEquals(DraftKind.JACOBI, tree.source[node]);
    }
    return Arrays.copyOfRange(tree.token, 1, tree.size());
  }

  private static void assertNoise(int[] drafts) {
    for (int draft : drafts) {
      assertTrue(Arrays.stream(WORDS).anyMatch(word -> word == draft), "" + draft);
    }
  }

  /**
   * A verified chain of 5 drafts, of which so many are accepted; likeliest after node i: 100 + i.
   */
  private static StepOutcome outcome(int accepted) {
    TokenTree tree = Steps.tree(1);
    for (int i = 0; i < JacobiDrafts.DEPTH; i++) {
      tree.add(i, i < accepted ? 100 + i : 1, DraftKind.JACOBI);
    }
    return Steps.outcome(tree, 1, node -> 100 + node);
  }

  @Test
  void theFirstStepIsNoise() {
    TokenHistory history = Steps.history(WORDS);
    JacobiPlanner planner = new JacobiPlanner(history);
    assertEquals(1, planner.topK());
    int[] drafts = chain(plan(planner, history, 100));
    assertEquals(5, drafts.length);
    assertNoise(drafts);
  }

  /**
   * Draft d comes from the d-th node below the accepted ones, and noise fills the rest: candidates
   * of the step before, and those of accepted nodes, are never used again.
   */
  @Test
  void noCandidateIsStale() {
    TokenHistory history = Steps.history(WORDS);
    JacobiPlanner planner = new JacobiPlanner(history);
    for (int accepted : new int[] {0, 2, 5, 4, 0, 5}) {
      planner.observe(outcome(accepted));
      int[] drafts = chain(plan(planner, history, 100));
      assertEquals(5, drafts.length);
      int fresh = 5 - accepted;
      for (int i = 0; i < fresh; i++) {
        assertEquals(100 + accepted + 1 + i, drafts[i], accepted + " accepted");
      }
      assertNoise(Arrays.copyOfRange(drafts, fresh, 5));
    }
  }

  @Test
  void noNodeIsDeeperThanIsOfUse() {
    TokenHistory history = Steps.history(WORDS);
    for (int maxDepth = 0; maxDepth <= 6; maxDepth++) {
      JacobiPlanner planner = new JacobiPlanner(history);
      planner.observe(outcome(0));
      assertEquals(Math.min(5, maxDepth), chain(plan(planner, history, maxDepth)).length);
    }
  }

  /** Every step has the root and 5 drafts, but the last ones; each accepted one is Jacobi's. */
  @Test
  void statisticsAreThoseOfAChain() throws IOException {
    try (DecodeRun run =
        new DecodeRun(DecodeRun.fixture("llama2"), Machine.best(2), DType.F16, 300)) {
      GenerationOptions options = GenerationOptions.defaults().withMaxTokens(200);
      DecodeRun.Trace trace =
          run.generate(new int[] {1, 2, 3, 4, 5, 6, 7}, options, Set.of(), JacobiPlanner::new);
      Statistics found = trace.statistics();
      assertEquals(200, found.generatedTokens());
      assertEquals(199, found.steps() + found.accepted(), "the prompt's pass gives one token");
      assertEquals(Set.of(DraftKind.JACOBI), found.acceptedBySource().keySet());
      assertEquals(5, found.draftedPerDepth().length);
      assertEquals(found.accepted(), Arrays.stream(found.acceptedPerDepth()).sum());
      assertEquals(found.nodes(), found.steps() + Arrays.stream(found.draftedPerDepth()).sum());
      assertTrue(found.draftedPerDepth()[0] >= found.steps() - 1, "the last may need no draft");
      assertTrue(found.draftedPerDepth()[4] >= found.steps() - 5, "the last ones need fewer");
    }
  }
}
