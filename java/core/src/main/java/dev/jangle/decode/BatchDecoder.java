package dev.jangle.decode;

import dev.jangle.GenerationOptions;
import dev.jangle.backend.Batch;
import dev.jangle.cache.KvCache;
import dev.jangle.model.Workspace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * Several generations that share their forward passes, so that the weights are read once for all of
 * them. Each stands in a place of its own, with a cache, a history and a tree of its own; the trees
 * of all are the rows of one pass. A row's result depends on its own sequence alone, so each
 * generation's tokens are, bit for bit, those of a {@link Decoder} alone.
 *
 * <p>A prompt has passes of its own, since its rows fill them. One thread at a time.
 */
public final class BatchDecoder {
  /** The most places: so that each has some rows for drafts. */
  public static final int MOST_PLACES = 32;

  private final StepRunner runner;
  private final List<KvCache> caches;
  private final GenerationOptions options;
  private final DraftMemory memory;
  private final Set<Integer> endTokens;
  private final int contextLength;
  private final Decoder[] places;
  private int sharing = 1;

  /**
   * Has as many places as there are caches.
   *
   * @param runner of a workspace for as many sequences, and of one of the caches
   * @param caches one for each place, all of one pool
   * @param options of every generation
   * @param contextLength the most tokens of prompt and output together, of each
   */
  public BatchDecoder(
      StepRunner runner,
      List<KvCache> caches,
      GenerationOptions options,
      DraftMemory memory,
      Set<Integer> endTokens,
      int contextLength) {
    if (caches.isEmpty() || caches.size() > MOST_PLACES) {
      throw new IllegalArgumentException(
          "%d generations at a time; expected 1 to %d".formatted(caches.size(), MOST_PLACES));
    }
    this.runner = runner;
    this.caches = List.copyOf(caches);
    this.options = options;
    this.memory = memory;
    this.endTokens = Set.copyOf(endTokens);
    this.contextLength = contextLength;
    this.places = new Decoder[caches.size()];
    runner.choose(options);
  }

  /**
   * Starts a generation in a place, whose last one is forgotten: computes the prompt and decides
   * the first token, which may end it.
   *
   * @throws dev.jangle.cache.ContextFullException where the prompt alone fills the context; the
   *     place is empty then
   */
  public Decoder start(int place, int[] prompt) {
    KvCache cache = caches.get(place);
    places[place] = null;
    cache.truncate(0);
    Decoder decoder =
        new Decoder(
            runner.over(cache),
            options,
            history -> Decoder.planner(options.decoding(), history, memory, () -> sharing),
            endTokens,
            prompt,
            contextLength);
    decoder.prefill(() -> false);
    places[place] = decoder;
    return decoder;
  }

  /** One forward pass over the trees of all generations that have not ended. */
  public void step() {
    List<Decoder> running = new ArrayList<>();
    for (Decoder decoder : places) {
      if (decoder != null && decoder.stopReason() == null) {
        running.add(decoder);
      }
    }
    if (running.isEmpty()) {
      return;
    }
    long start = System.nanoTime();
    sharing = running.size();
    List<Batch.Rows> rows = new ArrayList<>();
    int positions = 0;
    for (Decoder decoder : running) {
      decoder.plan(Workspace.MAX_LOGITS / running.size());
      rows.add(decoder.rows());
      positions += decoder.positions();
    }
    int topK = running.getFirst().topK(); // that of the preset, which all have
    int count = runner.step(rows, topK);
    int row = 0;
    for (int i = 0; i < running.size(); i++) {
      int end = row + rows.get(i).count();
      running
          .get(i)
          .accept(
              Arrays.copyOfRange(runner.next(), row, end),
              Arrays.copyOfRange(runner.topIds(), row * topK, end * topK),
              Arrays.copyOfRange(runner.topValues(), row * topK, end * topK));
      row = end;
    }
    long nanos = System.nanoTime() - start;
    running.forEach(decoder -> decoder.took(nanos));
    memory.observe(count, positions / running.size(), nanos);
  }
}
