package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.DraftKind;
import dev.jangle.GenerationOptions;
import dev.jangle.Statistics;
import dev.jangle.StopReason;
import dev.jangle.backend.Machine;
import dev.jangle.format.DType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * What goes wrong in the code published with arXiv 2406.17404, and does not here. For each defect a
 * small model of that behaviour shows the wrong outcome on a case, and our code the right one.
 */
class PublishedDefectsTest {
  private static final int DEPTH = 5;

  // ---- padded paths -----------------------------------------------------------------------------

  /** The published match: root-to-leaf paths, short ones padded with the root's index. */
  private static List<Integer> paddedMatch(TokenTree tree, int[] next) {
    List<Integer> best = List.of(0);
    int deepest = Arrays.stream(tree.depth, 0, tree.size()).max().orElseThrow();
    for (int leaf = 0; leaf < tree.size(); leaf++) {
      List<Integer> path = new ArrayList<>();
      for (int node = leaf; node >= 0; node = tree.parent[node]) {
        path.addFirst(node);
      }
      while (path.size() <= deepest) {
        path.add(0);
      }
      int length = 1;
      while (length <= deepest && tree.token[path.get(length)] == next[path.get(length - 1)]) {
        length++;
      }
      if (length > best.size()) {
        best = path.subList(0, length);
      }
    }
    return best;
  }

  @Test
  void paddingIsNoMatch() {
    // The model writes 7 8 7 9: after the accepted leaf 8 comes a token like the root.
    TokenTree tree = Steps.tree(7, new int[] {0, 8}, new int[] {0, 4}, new int[] {2, 5});
    int[] next = {8, 7, 6, 6};
    List<Integer> published = paddedMatch(tree, next);
    assertEquals(List.of(0, 1, 0), published, "the root's row is committed a second time");
    assertEquals(8, next[published.getLast()], "and 7 8 7 8 is written");

    int[] path = new int[TokenTree.MAX_NODES];
    assertEquals(2, tree.walk(next, path));
    assertArrayEquals(new int[] {0, 1}, Arrays.copyOf(path, 2));
    assertEquals(7, next[path[1]]);
  }

  /** The same on a model: a right leaf beside a wrong chain, where the root's token comes again. */
  @Test
  void paddingIsNoMatchInDecoding() throws IOException {
    int[] prompt = new Random(1).ints(20, 0, 128).toArray();
    // Few likely tokens, so that they come again soon.
    GenerationOptions options =
        GenerationOptions.defaults().withMaxTokens(300).withTemperature(2).withTopK(2);
    try (DecodeRun run = open()) {
      DecodeRun.Trace plain = run.generate(prompt, options, Set.of(), h -> new PlainPlanner());
      int[] truth = plain.tokens();
      int[] triggered = {0};
      run.truncate(0);
      DecodeRun.Trace found =
          run.generate(
              prompt,
              options,
              Set.of(),
              history ->
                  planner(
                      (tree, maxDepth) -> {
                        int root = history.size() - 1 - prompt.length;
                        if (maxDepth < 3 || root + 2 >= truth.length) {
                          return;
                        }
                        tree.add(0, truth[root + 1], DraftKind.JACOBI);
                        int node = tree.add(0, (truth[root + 1] + 1) % 128, DraftKind.JACOBI);
                        node = tree.add(node, 5, DraftKind.JACOBI);
                        tree.add(node, 6, DraftKind.JACOBI);
                        triggered[0] += truth[root + 2] == truth[root] ? 1 : 0;
                      }));
      assertTrue(triggered[0] >= 3, "the case came up " + triggered[0] + " times");
      assertArrayEquals(truth, found.tokens());
      assertArrayEquals(plain.logits(), found.logits());
    }
  }

  // ---- rows of the root -------------------------------------------------------------------------

  /** The published refresh: nodes after the accepted ones on the chosen path, padded with 0. */
  private static int[] publishedRows(List<Integer> chosenPath, int accepted) {
    return IntStream.range(0, DEPTH)
        .map(i -> accepted + i < chosenPath.size() ? chosenPath.get(accepted + i) : 0)
        .toArray();
  }

  @Test
  void rowsAreNotTheRootsOwn() {
    // The root and node 1 are accepted, node 2 is rejected, and the path ends there.
    TokenTree tree = Steps.tree(7, new int[] {0, 8}, new int[] {1, 5});
    int[] first = {8, 20, 30};
    StepOutcome outcome = Steps.outcome(tree, 8, node -> first[node]);
    int[] published = publishedRows(List.of(0, 1, 2), outcome.pathLength());
    assertArrayEquals(new int[] {2, 0, 0, 0, 0}, published);
    assertEquals(8, first[published[1]], "a token that is written already");

    JacobiDrafts drafts = new JacobiDrafts(8);
    drafts.observe(outcome);
    assertEquals(1, drafts.fresh());
    assertEquals(30, drafts.candidate(1, 0));
    for (int depth = 2; depth <= DEPTH; depth++) {
      assertEquals(-1, drafts.candidate(depth, 0));
    }
  }

  // ---- retrieval --------------------------------------------------------------------------------

  /** The published retrieval: the earliest match of 3, 2, 1 or 0 tokens. */
  private static int[] publishedRetrieval(int[] text) {
    for (int length = 3; length >= 0; length--) {
      for (int start = 0; start + length < text.length; start++) {
        int from = text.length - length;
        if (Arrays.equals(text, start, start + length, text, from, text.length)) {
          int end = start + length;
          return Arrays.copyOfRange(text, end, Math.min(end + DEPTH, text.length));
        }
      }
    }
    return new int[0];
  }

  private static List<Integer> retrieved(int[] text, boolean paper) {
    TokenHistory history = Steps.history(text);
    TokenTree tree = Steps.tree(text[text.length - 1]);
    List<Integer> first = new ArrayList<>();
    if (paper) {
      PaperPlanner planner = new PaperPlanner(history);
      TokenTree chain = Steps.tree(0);
      for (int i = 0; i < DEPTH; i++) {
        chain.add(i, 1, DraftKind.JACOBI);
      }
      planner.observe(Steps.outcome(chain, 10, node -> 1000 + 10 * node));
      planner.plan(tree, DEPTH);
      for (int node = 1; node < tree.size(); node++) {
        if (tree.parent[node] == 0 && tree.source[node] == DraftKind.RETRIEVAL) {
          first.add(tree.token[node]);
        }
      }
    } else {
      Candidates candidates = new Candidates();
      new RetrievalDrafts(history).propose(tree, 0, candidates);
      first.addAll(Arrays.stream(candidates.token, 0, candidates.size()).boxed().toList());
    }
    return first;
  }

  @Test
  void retrievalTakesTheLatestMatch() {
    int[] text = {1, 2, 3, 40, 9, 1, 2, 3, 50, 9, 1, 2, 3};
    assertEquals(40, publishedRetrieval(text)[0]);
    assertEquals(List.of(50), retrieved(text, true));
    assertEquals(List.of(50, 40), retrieved(text, false), "the latest first, and both as branches");
  }

  @Test
  void noMatchDraftsNothing() {
    int[] text = {1, 2, 3, 4, 5, 6};
    assertArrayEquals(new int[] {1, 2, 3, 4, 5}, publishedRetrieval(text), "the prompt's start");
    assertEquals(List.of(), retrieved(text, true));
    assertEquals(List.of(), retrieved(text, false));
  }

  // ---- the last step ----------------------------------------------------------------------------

  @Test
  void theLastStepCounts() {
    // Three steps of 2, 3 and 1 accepted drafts.
    StatisticsCounter counter = new StatisticsCounter();
    int[] accepted = {2, 3, 1};
    for (int drafts : accepted) {
      TokenTree tree = Steps.tree(0);
      for (int i = 0; i < 4; i++) {
        tree.add(i, i + 1, DraftKind.RETRIEVAL);
      }
      StepOutcome outcome =
          Steps.outcome(tree, 1, node -> node < drafts ? tree.token[node + 1] : 99);
      counter.step(outcome, outcome.pathLength());
    }
    int tokens = 6 + 3; // what the steps wrote
    double published = (double) tokens / (accepted.length - 1);
    assertEquals(4.5, published);

    Statistics statistics = counter.statistics(10, 0, 1 + tokens, 1, 1, 1);
    assertEquals(3, statistics.steps());
    assertEquals(3, statistics.meanAcceptanceLength());
    assertEquals((double) tokens / statistics.steps(), statistics.meanAcceptanceLength());
    assertArrayEquals(new long[] {3, 3, 3, 3}, statistics.draftedPerDepth());
    assertArrayEquals(new long[] {3, 2, 1, 0}, statistics.acceptedPerDepth());
    assertEquals(15, statistics.nodes());
  }

  // ---- the end token ----------------------------------------------------------------------------

  /** The published loop: whole steps are kept, until one has the end token in it. */
  private static int[] publishedAnswer(int[] written, int end, int perStep) {
    int length = 1; // from the prompt's pass
    while (IntStream.of(written).limit(length).noneMatch(token -> token == end)) {
      length += perStep;
    }
    return Arrays.copyOf(written, length);
  }

  @Test
  void nothingIsKeptAfterTheEndToken() throws IOException {
    int[] prompt = new Random(2).ints(30, 0, 128).toArray();
    GenerationOptions options = GenerationOptions.defaults().withMaxTokens(60).withTemperature(1.5);
    try (DecodeRun run = open()) {
      DecodeRun.Trace all = run.generate(prompt, options, Set.of(), h -> new PlainPlanner());
      int[] truth = all.tokens();
      // A token that the answer has not had before, in the middle of a step of eleven.
      int first =
          IntStream.range(3, 60)
              .filter(i -> IntStream.of(truth).limit(i).noneMatch(token -> token == truth[i]))
              .filter(i -> i % 11 > 2 && i % 11 < 8)
              .findFirst()
              .orElseThrow();
      Set<Integer> ends = Set.of(truth[first]);
      int[] published = publishedAnswer(truth, truth[first], 11);
      assertTrue(published.length > first + 1, "the published code keeps what follows");

      run.truncate(0);
      // Drafts of ten tokens, all right: the end token is one of them, with others after it.
      DecodeRun.Trace found =
          run.generate(
              prompt,
              options,
              ends,
              history ->
                  planner(
                      (tree, maxDepth) -> {
                        int root = history.size() - 1 - prompt.length;
                        int node = 0;
                        for (int i = 1; i <= Math.min(10, maxDepth); i++) {
                          node = tree.add(node, truth[root + i], DraftKind.JACOBI);
                        }
                      }));
      assertArrayEquals(Arrays.copyOf(truth, first), found.tokens());
      assertEquals(StopReason.END_TOKEN, found.stopReason());
      assertEquals(prompt.length + first, run.cached(), "nor in the cache");
      assertEquals((first - 1) / 11 + 1, found.statistics().steps(), "drafts went past it");
    }
  }

  // -----------------------------------------------------------------------------------------------

  private static DecodeRun open() throws IOException {
    return new DecodeRun(DecodeRun.fixture("llama2"), new Machine(null, 2), DType.F16, 512);
  }

  private interface Plan {
    void plan(TokenTree tree, int maxDepth);
  }

  private static TreePlanner planner(Plan plan) {
    return new TreePlanner() {
      @Override
      public void plan(TokenTree tree, int maxDepth) {
        plan.plan(tree, maxDepth);
      }

      @Override
      public void observe(StepOutcome outcome) {}

      @Override
      public int topK() {
        return 0;
      }
    };
  }
}
