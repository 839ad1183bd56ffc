package dev.jangle.decode;

import dev.jangle.DraftKind;
import java.util.PriorityQueue;
import java.util.function.IntSupplier;

/**
 * The tree that maximises expected tokens per time: nodes are added best first by the probability
 * of their path, and the number of rows m is the one with the greatest (1 + sum of probabilities) /
 * T(m). Where no draft pays, that is the root alone.
 *
 * <p>Below the likeliest path hangs a tail of noise, so that the next step has fresh Jacobi rows;
 * for a model that cannot denoise it does not pay, and is only tried now and then.
 */
final class AutoPlanner implements TreePlanner {
  /**
   * Nodes that the search looks at; more never paid on a CPU, nor does the search then stay free.
   */
  private static final int MOST_NODES = 48;

  private static final float LEAST_PROBABILITY = 0.01f;

  /** A tail is tried once in so many steps while Jacobi drafts do not pay. */
  private static final int TRIAL = 64;

  /** Rows of a trial step, so that a tree which was measured too dear does not stay so. */
  private static final int TRIAL_ROWS = 3;

  private final StepCosts costs;
  private final TokenHistory history;
  private final IntSupplier sequences;
  private final AcceptanceModel acceptance = new AcceptanceModel();
  private final JacobiDrafts jacobi = new JacobiDrafts(JacobiDrafts.RANKS);
  private final DraftSource[] sources;
  private final Expansion[] expansions = new Expansion[MOST_NODES];
  private final PriorityQueue<Draft> frontier =
      new PriorityQueue<>((a, b) -> Float.compare(b.probability, a.probability));
  private final float[] pathProbability = new float[TokenTree.MAX_NODES];
  private final float[] expected = new float[MOST_NODES + 1];
  private int expanded;
  private int steps;
  private float jacobiGain = 0.05f;

  /** A child that the search may add. */
  private record Draft(int parent, int token, float probability, DraftKind source) {}

  /** What the sources said below one node, kept until its outcome is known. */
  private static final class Expansion {
    int node;
    int depth;
    final Candidates candidates = new Candidates();
  }

  AutoPlanner(StepCosts costs, TokenHistory history, RecyclingTable recycling) {
    this(costs, history, recycling, () -> 1);
  }

  /**
   * A planner for one of several sequences that share their passes: where many rows are in flight
   * already, one more pays less.
   *
   * @param sequences how many share the next pass; each is taken to have a tree of equal size
   */
  AutoPlanner(
      StepCosts costs, TokenHistory history, RecyclingTable recycling, IntSupplier sequences) {
    this.costs = costs;
    this.history = history;
    this.sequences = sequences;
    this.sources =
        new DraftSource[] {
          new RetrievalDrafts(history), new RecyclingDrafts(recycling), jacobi,
        };
    for (int i = 0; i < expansions.length; i++) {
      expansions[i] = new Expansion();
    }
  }

  @Override
  public int topK() {
    return RecyclingDrafts.SUCCESSORS;
  }

  @Override
  public void plan(TokenTree tree, int maxDepth) {
    expanded = 0;
    frontier.clear();
    pathProbability[0] = 1;
    expected[1] = 1;
    expand(tree, 0, maxDepth);
    while (tree.size() < MOST_NODES && !frontier.isEmpty()) {
      Draft draft = frontier.poll();
      int node = tree.add(draft.parent, draft.token, draft.source);
      pathProbability[node] = draft.probability;
      expected[tree.size()] = expected[tree.size() - 1] + draft.probability;
      expand(tree, node, maxDepth);
    }
    int rows = bestRows(tree.size());
    if (rows == 1 && steps % TRIAL == TRIAL / 2) {
      rows = Math.min(tree.size(), TRIAL_ROWS);
    }
    tree.cut(rows);
    // Nodes ascend in the order of their expansion; the tail takes the places of those cut off.
    while (expanded > 0 && expansions[expanded - 1].node >= rows) {
      expanded--;
    }
    addTail(tree, maxDepth, expected[rows]);
    steps++;
  }

  private void expand(TokenTree tree, int node, int maxDepth) {
    int depth = tree.depth[node] + 1;
    if (depth > maxDepth) {
      return;
    }
    Expansion expansion = expansions[expanded++];
    expansion.node = node;
    expansion.depth = depth;
    Candidates candidates = expansion.candidates;
    candidates.clear();
    for (DraftSource source : sources) {
      source.propose(tree, node, candidates);
    }
    for (int i = 0; i < candidates.size(); i++) {
      float path = pathProbability[node] * acceptance.probability(candidates, i, depth);
      if (path >= LEAST_PROBABILITY) {
        frontier.add(new Draft(node, candidates.token[i], path, acceptance.source(candidates, i)));
      }
    }
  }

  /** Time of the next pass, with so many rows of each sequence. */
  private double nanos(int rows) {
    return costs.nanos(rows * sequences.getAsInt(), history.size());
  }

  private int bestRows(int size) {
    int best = 1;
    double bestRate = 1 / nanos(1);
    for (int rows = 2; rows <= size; rows++) {
      double rate = expected[rows] / nanos(rows);
      if (rate > bestRate) {
        best = rows;
        bestRate = rate;
      }
    }
    return best;
  }

  /** Hangs noise below the node where the walk most likely ends, while that pays or is on trial. */
  private void addTail(TokenTree tree, int maxDepth, float length) {
    int rows = tree.size();
    boolean trial = steps % TRIAL == 0;
    int depth = trial ? 2 : JacobiDrafts.DEPTH;
    double cost = nanos(Math.min(TokenTree.MAX_NODES, rows + depth)) / nanos(rows) - 1;
    if (!trial && jacobiGain / length <= cost) {
      return;
    }
    int node = likeliestEnd(tree);
    for (int i = 0; i < depth && tree.depth[node] < maxDepth; i++) {
      int token = jacobi.candidate(tree.depth[node] + 1, 0);
      if (token < 0 || tree.child(node, token) >= 0) {
        token = AheadNoise.draw(history, i);
      }
      int child = tree.add(node, token, DraftKind.JACOBI);
      if (child < 0) {
        return;
      }
      node = child;
    }
  }

  private int likeliestEnd(TokenTree tree) {
    float[] ends = new float[tree.size()];
    int best = 0;
    for (int node = tree.size() - 1; node >= 0; node--) {
      ends[node] += pathProbability[node];
      if (node > 0) {
        ends[tree.parent[node]] -= pathProbability[node];
      }
      if (ends[node] >= ends[best]) {
        best = node;
      }
    }
    return best;
  }

  @Override
  public void timed(int rows, int positions, long nanos) {
    costs.observe(rows, positions, nanos);
  }

  @Override
  public void observe(StepOutcome outcome) {
    for (int i = 0; i < expanded; i++) {
      Expansion expansion = expansions[i];
      if (!onPath(outcome, expansion.node)) {
        continue;
      }
      int truth = outcome.next()[expansion.node];
      Candidates candidates = expansion.candidates;
      for (int entry = 0; entry < candidates.size(); entry++) {
        acceptance.learn(
            candidates.retrieval[entry],
            candidates.recycling[entry],
            candidates.jacobi[entry],
            expansion.depth,
            candidates.token[entry] == truth);
      }
    }
    if (jacobi.fresh() > 0) {
      int gained = 0;
      for (int i = 1; i < outcome.pathLength(); i++) {
        if (outcome.tree().source[outcome.path()[i]] == DraftKind.JACOBI) {
          gained++;
        }
      }
      jacobiGain += 0.1f * (gained - jacobiGain);
    }
    for (DraftSource source : sources) {
      source.observe(outcome);
    }
  }

  private static boolean onPath(StepOutcome outcome, int node) {
    for (int i = 0; i < outcome.pathLength(); i++) {
      if (outcome.path()[i] == node) {
        return true;
      }
    }
    return false;
  }
}
