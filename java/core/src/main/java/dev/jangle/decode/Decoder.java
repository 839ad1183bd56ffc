package dev.jangle.decode;

import dev.jangle.Decoding;
import dev.jangle.DraftKind;
import dev.jangle.GenerationOptions;
import dev.jangle.Statistics;
import dev.jangle.StopReason;
import dev.jangle.backend.Batch;
import dev.jangle.cache.ContextFullException;
import dev.jangle.cache.KvCache;
import dev.jangle.model.Workspace;
import java.util.Arrays;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.IntSupplier;

/**
 * One generation: the prompt's passes, then steps of a tree each. A step runs the root and the
 * drafts in one pass, walks from the root along the tokens that the model chooses, commits the
 * nodes walked, and ends with the choice after the last of them as the new root. So a step gives 1
 * + (accepted drafts) tokens; with the root alone it is plain decoding.
 *
 * <p>After every call the cache holds exactly the first {@code cache.length()} tokens of {@link
 * #tokens(int)}. One thread at a time.
 */
public final class Decoder {
  private final StepRunner runner;
  private final KvCache cache;
  private final Set<Integer> endTokens;
  private final TokenHistory history = new TokenHistory();
  private final TreePlanner planner;
  private final TokenTree tree = new TokenTree();
  private final int[] path = new int[TokenTree.MAX_NODES];
  private final StatisticsCounter counter = new StatisticsCounter();
  private final int promptTokens;
  private final int cachedTokens;
  private final int mostTokens;
  private final boolean limitedByContext;
  private final int[] stepTokens = new int[TokenTree.MAX_NODES + 1];
  private final DraftKind[] stepSources = new DraftKind[TokenTree.MAX_NODES + 1];
  private int stepCount;
  private int generated;
  private StopReason stopReason;
  private long prefillNanos;
  private long decodeNanos;

  /**
   * @param runner its cache holds the first tokens of the prompt already; at least one is left to
   *     compute
   * @param contextLength the most tokens of prompt and output together
   * @throws ContextFullException where the prompt alone fills the context; nothing has changed
   */
  public Decoder(
      StepRunner runner,
      GenerationOptions options,
      DraftMemory memory,
      Set<Integer> endTokens,
      int[] prompt,
      int contextLength) {
    this(
        runner,
        options,
        history -> planner(options.decoding(), history, memory, () -> 1),
        endTokens,
        prompt,
        contextLength);
  }

  /** With a planner of one's own, made from the history that it will see grow. */
  Decoder(
      StepRunner runner,
      GenerationOptions options,
      Function<TokenHistory, TreePlanner> planners,
      Set<Integer> endTokens,
      int[] prompt,
      int contextLength) {
    if (prompt.length >= contextLength) {
      throw new ContextFullException(
          ("the prompt has %,d tokens and the context %,d, which leaves no room for an answer:"
                  + " shorten it, or open the model with a longer context")
              .formatted(prompt.length, contextLength));
    }
    this.runner = runner;
    this.cache = runner.cache();
    this.endTokens = Set.copyOf(endTokens);
    this.promptTokens = prompt.length;
    this.cachedTokens = cache.length();
    int room = contextLength - prompt.length;
    this.mostTokens = Math.min(options.maxTokens(), room);
    this.limitedByContext = room < options.maxTokens();
    for (int token : prompt) {
      history.add(token);
    }
    this.planner = planners.apply(history);
    runner.choose(options);
  }

  /**
   * The planner of a preset.
   *
   * @param sequences how many share the next pass
   */
  static TreePlanner planner(
      Decoding decoding, TokenHistory history, DraftMemory memory, IntSupplier sequences) {
    return switch (decoding) {
      case PLAIN -> new PlainPlanner();
      case JACOBI -> new JacobiPlanner(history);
      case PAPER -> new PaperPlanner(history);
      case AUTO -> new AutoPlanner(memory.costs(), history, memory.recycling(), sequences);
    };
  }

  /**
   * Computes the prompt and decides the first token.
   *
   * @param cancelled asked between passes
   */
  public void prefill(BooleanSupplier cancelled) {
    boolean waited = false;
    try {
      waited = computePrompt(cancelled);
    } finally {
      if (!waited) {
        runner.synchronize(); // what passes still write to may become another sequence's pages
      }
    }
  }

  /** Returns whether it came to the first token, which it then has waited for. */
  private boolean computePrompt(BooleanSupplier cancelled) {
    long start = System.nanoTime();
    int[] chain = new int[Workspace.MAX_ROWS];
    Arrays.setAll(chain, i -> i - 1);
    int[] chunk = new int[Workspace.MAX_ROWS];
    while (cache.length() < promptTokens) {
      if (cancelled.getAsBoolean()) {
        stop(StopReason.CANCELLED);
        return false;
      }
      int rows = Math.min(promptTokens - cache.length(), Workspace.MAX_ROWS);
      for (int i = 0; i < rows; i++) {
        chunk[i] = history.get(cache.length() + i);
      }
      runner.prefill(chunk, chain, rows, cache.length() + rows == promptTokens);
    }
    stepCount = 0;
    emit(runner.next()[0], DraftKind.NONE);
    prefillNanos = System.nanoTime() - start;
    return true;
  }

  /**
   * One forward pass over a tree. Its tokens are then {@link #stepToken}.
   *
   * <p>The device has walked the tree by the same choices and moved the rows of the whole path. An
   * end token or the limit may cut the path: then the first of these rows are committed, and what
   * lies behind them is overwritten by the next pass like the slots of a rejected draft.
   */
  public void step() {
    long start = System.nanoTime();
    int rows = plan(TokenTree.MAX_NODES);
    long recording = runner.step(tree.token, tree.parent, rows, planner.topK());
    int positions = cache.length();
    accept(runner.next(), runner.topIds(), runner.topValues());
    long nanos = System.nanoTime() - start;
    took(nanos);
    planner.timed(rows, positions, nanos - recording);
  }

  /**
   * Plans the tree of the next pass, and makes room for it in the cache.
   *
   * @param mostRows nodes that it may have
   * @return its nodes
   */
  int plan(int mostRows) {
    stepCount = 0;
    tree.reset(history.get(history.size() - 1));
    // The step writes at most one token more than its deepest accepted node.
    planner.plan(tree, mostTokens - generated - 1);
    if (tree.size() > mostRows) {
      tree.cut(mostRows);
    }
    cache.reserve(tree.size());
    return tree.size();
  }

  /** The tree's rows in a batch of several sequences. */
  Batch.Rows rows() {
    return new Batch.Rows(tree.token, tree.parent, tree.size(), cache.length(), cache.pages());
  }

  /** How many of the likeliest tokens per node its planner wants to see. */
  int topK() {
    return planner.topK();
  }

  /**
   * Takes what the model chose after the tree's nodes, and commits those that were right.
   *
   * @param next the choice after each node
   * @param topIds [nodes][topK] likeliest tokens after each node
   * @param topValues their logits
   */
  void accept(int[] next, int[] topIds, float[] topValues) {
    int length = tree.walk(next, path);
    int kept = 0; // nodes of the path that are part of the output, the root included
    while (kept < length && stopReason == null) {
      int node = path[kept++];
      boolean drafted = kept < length;
      emit(next[node], drafted ? tree.source[path[kept]] : DraftKind.NONE);
    }
    cache.commit(kept);
    StepOutcome outcome =
        new StepOutcome(tree, next, path, kept, topIds, topValues, planner.topK());
    counter.step(outcome, kept);
    if (stopReason == null) {
      planner.observe(outcome);
    }
  }

  /** Tokens in the cache. */
  int positions() {
    return cache.length();
  }

  /** Adds the time of a pass that it had a part in. */
  void took(long nanos) {
    decodeNanos += nanos;
  }

  private void emit(int token, DraftKind source) {
    if (endTokens.contains(token)) {
      stop(StopReason.END_TOKEN);
      return;
    }
    history.add(token);
    stepTokens[stepCount] = token;
    stepSources[stepCount++] = source;
    generated++;
    if (generated == mostTokens) {
      stop(limitedByContext ? StopReason.CONTEXT_FULL : StopReason.MAX_TOKENS);
    }
  }

  /** Ends the generation after the tokens so far. */
  public void stop(StopReason reason) {
    if (stopReason == null) {
      stopReason = reason;
    }
  }

  /** Null while there is more to come. */
  public StopReason stopReason() {
    return stopReason;
  }

  /** Number of tokens that the last prefill or step wrote. */
  public int stepCount() {
    return stepCount;
  }

  /** A token of the last prefill or step. */
  public int stepToken(int index) {
    return stepTokens[index];
  }

  /** Who guessed it. */
  public DraftKind stepSource(int index) {
    return stepSources[index];
  }

  /** The first {@code count} tokens of prompt and output. */
  public int[] tokens(int count) {
    int[] tokens = new int[count];
    Arrays.setAll(tokens, history::get);
    return tokens;
  }

  /**
   * What the generation took.
   *
   * @param kept tokens of the output that were kept
   * @param firstTokenNanos from the call to the first token
   */
  public Statistics statistics(int kept, long firstTokenNanos) {
    return counter.statistics(
        promptTokens, cachedTokens, kept, prefillNanos, decodeNanos, firstTokenNanos);
  }
}
