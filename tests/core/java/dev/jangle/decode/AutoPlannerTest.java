package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.DraftKind;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AutoPlannerTest {
  private static final int VOCAB = 500;
  private static final StepCosts FREE = costs(1);
  private static final StepCosts DEAR = costs(100);

  /** T(128) / T(1), with a straight line between. */
  private static StepCosts costs(double times) {
    return new StepCosts(new int[] {1, 128}, new double[] {1e6, times * 1e6}, 0);
  }

  /** Two rows cost ten. */
  private static StepCosts worthless() {
    return new StepCosts(new int[] {1, 2, 128}, new double[] {1e6, 1e7, 1e9}, 0);
  }

  /** Decoding of a text that is known: what the model chooses on the path is the text. */
  private static final class Simulation {
    final TokenHistory history = new TokenHistory();
    final AutoPlanner planner;
    final IntUnaryOperator text;
    final Random random = new Random(5);
    final boolean denoises;
    int largest;
    long nodes;
    int steps;
    int stepsWithDrafts;

    /** A model that denoises gives the text after any node, whatever its ancestors. */
    Simulation(StepCosts costs, int prompt, boolean denoises, IntUnaryOperator text) {
      this.text = text;
      this.denoises = denoises;
      planner = new AutoPlanner(costs, history, new RecyclingTable(VOCAB));
      for (int i = 0; i <= prompt; i++) {
        history.add(text.applyAsInt(i));
      }
    }

    /** Tokens per step. */
    double run(int count) {
      int before = history.size();
      for (int step = 0; step < count; step++) {
        step();
      }
      return (double) (history.size() - before) / count;
    }

    private void step() {
      int root = history.size() - 1;
      TokenTree tree = Steps.tree(history.get(root));
      planner.plan(tree, 100);
      largest = Math.max(largest, tree.size());
      nodes += tree.size();
      steps++;
      stepsWithDrafts += tree.size() > 1 ? 1 : 0;
      boolean[] right = new boolean[tree.size()];
      int k = planner.topK();
      int[] next = new int[tree.size()];
      int[] topIds = random.ints((long) k * tree.size(), 0, VOCAB).toArray();
      for (int node = 0; node < tree.size(); node++) {
        int position = root + tree.depth[node];
        right[node] =
            node == 0
                || (right[tree.parent[node]] && tree.token[node] == text.applyAsInt(position));
        if (right[node] || denoises) {
          topIds[node * k] = text.applyAsInt(position + 1);
        }
        next[node] = topIds[node * k];
      }
      StepOutcome outcome = Steps.outcome(tree, next, k, topIds, new float[topIds.length]);
      for (int i = 0; i < outcome.pathLength(); i++) {
        history.add(next[outcome.path()[i]]);
      }
      planner.observe(outcome);
    }
  }

  private static int hash(int position) {
    return new Random(position * 77L + 3).nextInt(VOCAB);
  }

  @Test
  void theRootAloneWhereNothingPays() {
    // The text repeats, so that drafts are nearly certain; and the model denoises.
    Simulation simulation = new Simulation(worthless(), 100, true, i -> i % 7);
    assertEquals(1, simulation.run(640), 0.1);
    assertTrue(simulation.stepsWithDrafts <= 2 * 640 / 64, "only now and then, for a trial");
    assertTrue(simulation.largest <= 3);
  }

  @Test
  void longDraftsWhereTheyPay() {
    Simulation simulation = new Simulation(costs(5), 100, false, i -> i % 7);
    assertTrue(simulation.run(100) > 4);
  }

  /** A text without any pattern: drafts stop paying once that is learned. */
  @Test
  void learnsThatDraftsFail() {
    Simulation simulation = new Simulation(DEAR, 2000, false, AutoPlannerTest::hash);
    simulation.run(100);
    simulation.nodes = 0;
    simulation.steps = 0;
    simulation.run(500);
    double mean = (double) simulation.nodes / simulation.steps;
    assertTrue(mean < 1.3, "nodes per step: " + mean);
  }

  /** Nothing repeats, but the model denoises: tails of noise pay for themselves. */
  @Test
  void findsOutThatTheModelDenoises() {
    Simulation simulation = new Simulation(FREE, 200, true, AutoPlannerTest::hash);
    simulation.run(200);
    double length = simulation.run(200);
    assertTrue(length > 2.5, "tokens per step: " + length);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void neverMoreThan128NodesNorDeeperThanAsked(long seed) {
    Random random = new Random(seed);
    Simulation simulation = new Simulation(FREE, 400, true, i -> hash(i) % 5);
    simulation.run(100);
    assertTrue(simulation.largest > 20, "" + simulation.largest);
    for (int round = 0; round < 300; round++) {
      int maxDepth = random.nextInt(12);
      TokenTree tree = Steps.tree(simulation.history.get(simulation.history.size() - 1));
      simulation.planner.plan(tree, maxDepth);
      assertTrue(tree.size() <= TokenTree.MAX_NODES);
      for (int node = 0; node < tree.size(); node++) {
        assertTrue(tree.depth[node] <= maxDepth);
      }
    }
  }

  /** A tail of noise takes the places of the nodes that were cut off, and is no draft of theirs. */
  @Test
  void whatWasSearchedAndCutOffIsNotLearnedFrom() throws ReflectiveOperationException {
    Random random = new Random(4);
    int tails = 0;
    for (int round = 0; round < 40; round++) {
      TokenHistory history = Steps.history(random.ints(60, 0, 4).toArray());
      AutoPlanner planner = new AutoPlanner(costs(40), history, new RecyclingTable(VOCAB));
      TokenTree tree = Steps.tree(history.get(59));
      planner.plan(tree, 6); // the first step, in which a tail is on trial
      for (int node : expanded(planner)) {
        // Nothing else proposes noise before a step was observed.
        assertTrue(tree.source[node] != DraftKind.JACOBI, "round " + round + ", node " + node);
      }
      tails += tree.source[tree.size() - 1] == DraftKind.JACOBI ? 1 : 0;
    }
    assertTrue(tails > 20, tails + " trees had a tail");
  }

  /** The nodes whose candidates a planner will learn from. */
  private static List<Integer> expanded(AutoPlanner planner) throws ReflectiveOperationException {
    Object[] expansions = (Object[]) field(planner, "expansions");
    List<Integer> nodes = new ArrayList<>();
    for (int i = 0; i < (int) field(planner, "expanded"); i++) {
      nodes.add((int) field(expansions[i], "node"));
    }
    return nodes;
  }

  private static Object field(Object owner, String name) throws ReflectiveOperationException {
    Field field = owner.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(owner);
  }

  /** A child that a source proposes, and the probability of its path. */
  private record Path(List<Integer> tokens, double probability) {}

  /** Every path that the sources propose, by a planner that has learned nothing. */
  private static void paths(
      DraftSource[] sources, TokenTree tree, int node, double probability, List<Path> out) {
    if (tree.depth[node] == 6) {
      return;
    }
    Candidates candidates = new Candidates();
    for (DraftSource source : sources) {
      source.propose(tree, node, candidates);
    }
    AcceptanceModel model = new AcceptanceModel();
    for (int i = 0; i < candidates.size(); i++) {
      double path = probability * model.probability(candidates, i, tree.depth[node] + 1);
      if (path >= 0.01 && tree.size() < TokenTree.MAX_NODES) {
        int child = tree.add(node, candidates.token[i], DraftKind.RETRIEVAL);
        out.add(new Path(boxed(Steps.path(tree, child)), path));
        paths(sources, tree, child, path, out);
        tree.cut(child); // makes room for the next
      }
    }
  }

  private static List<Integer> boxed(int[] values) {
    List<Integer> list = new ArrayList<>();
    for (int value : values) {
      list.add(value);
    }
    return list;
  }

  /** The tree's expected tokens per time are those of the best of all trees of up to 40 nodes. */
  @ParameterizedTest
  @ValueSource(doubles = {1, 2, 5, 10, 20, 40, 80, 160})
  void maximisesTokensPerTime(double times) {
    Random random = new Random(9);
    int drafts = 0;
    for (int round = 0; round < 40; round++) {
      TokenHistory history = Steps.history(random.ints(60, 0, 4 + round / 4).toArray());
      RecyclingTable table = new RecyclingTable(VOCAB);
      RecyclingDrafts recycling = new RecyclingDrafts(table);
      for (int token = 0; token < 14; token += 2) {
        float[] values = new float[8];
        values[0] = random.nextInt(6);
        table.put(token, random.ints(8, 0, 14).distinct().toArray(), values, 0, 3);
      }
      List<Path> paths = new ArrayList<>();
      DraftSource[] sources = {new RetrievalDrafts(history), recycling};
      paths(sources, Steps.tree(history.get(59)), 0, 1, paths);
      paths.sort(Comparator.comparingDouble(Path::probability).reversed());
      StepCosts costs = costs(times);
      // The likeliest m - 1 paths are a tree, since no path is likelier than its beginning.
      double expected = 1;
      double best = 1 / costs.nanos(1, 60);
      for (int m = 2; m <= Math.min(40, paths.size() + 1); m++) {
        expected += paths.get(m - 2).probability;
        best = Math.max(best, expected / costs.nanos(m, 60));
      }

      TokenTree tree = Steps.tree(history.get(59));
      new AutoPlanner(costs, history, table).plan(tree, 6);
      double sum = 1;
      int rows = 1;
      for (int node = 1; node < tree.size(); node++) {
        if (tree.source[node] != DraftKind.JACOBI) { // a tail of noise on trial
          List<Integer> path = boxed(Steps.path(tree, node));
          sum +=
              paths.stream()
                  .filter(p -> p.tokens.equals(path))
                  .findAny()
                  .orElseThrow(() -> new AssertionError("nobody proposed " + path))
                  .probability;
          rows++;
        }
      }
      assertTrue(sum / costs.nanos(rows, 60) >= best * (1 - 1e-5), "round " + round);
      drafts += rows - 1;
    }
    assertTrue(times == 160 || drafts > 0);
  }
}
