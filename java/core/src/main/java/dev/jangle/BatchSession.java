package dev.jangle;

import dev.jangle.cache.KvCache;
import dev.jangle.cache.KvPool;
import dev.jangle.decode.BatchDecoder;
import dev.jangle.decode.Decoder;
import dev.jangle.decode.StepRunner;
import dev.jangle.model.Workspace;
import dev.jangle.text.ChatMessage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Answers several conversations at a time, all of them in each forward pass: the weights are read
 * once for all, so that many answers take less time than one after the other. Each answer is, bit
 * for bit, that of a {@link Session} alone. Conversations come and go; a place that is free takes
 * the next one. One thread at a time.
 */
public final class BatchSession implements AutoCloseable {
  private final Model model;
  private final GenerationOptions options;
  private final ArrayDeque<AutoCloseable> taken = new ArrayDeque<>();
  private final BatchDecoder decoder;
  private final Place[] places;
  private boolean closed;

  /** A conversation that is being answered. */
  private static final class Place {
    final Decoder decoder;
    final List<Integer> tokens = new ArrayList<>();
    final long firstTokenNanos;

    Place(Decoder decoder, long firstTokenNanos) {
      this.decoder = decoder;
      this.firstTokenNanos = firstTokenNanos;
    }

    void take() {
      for (int i = 0; i < decoder.stepCount(); i++) {
        tokens.add(decoder.stepToken(i));
      }
    }
  }

  /**
   * An answer that has ended.
   *
   * @param place where it was written, free again
   * @param result its text and what it took; times are those of the passes that it had a part in
   */
  public record Finished(int place, GenerationResult result) {}

  /** Takes over the caller's reference to the model. */
  BatchSession(Model model, int conversations, int pagesEach, GenerationOptions options) {
    this.model = model;
    this.options = options;
    this.places = new Place[conversations];
    boolean whole = false;
    try {
      taken.push(model::release);
      Workspace work = keep(model.transformer().newWorkspace(conversations));
      KvPool pool = model.newPool(conversations * pagesEach);
      List<KvCache> caches = new ArrayList<>();
      for (int i = 0; i < conversations; i++) {
        caches.add(keep(new KvCache(pool, work.kernels())));
      }
      StepRunner runner =
          keep(new StepRunner(model.transformer(), model.backend(), work, caches.getFirst()));
      decoder =
          new BatchDecoder(
              runner,
              caches,
              options,
              model.draftMemory(),
              model.tokenizer().endTokens(),
              model.contextLength());
      whole = true;
    } finally {
      if (!whole) {
        close();
      }
    }
  }

  private <T extends AutoCloseable> T keep(T resource) {
    taken.push(resource);
    return resource;
  }

  /** How many conversations it answers at a time. */
  public int places() {
    return places.length;
  }

  /** The places that no conversation has, in ascending order. */
  public List<Integer> free() {
    List<Integer> free = new ArrayList<>();
    for (int i = 0; i < places.length; i++) {
      if (places[i] == null) {
        free.add(i);
      }
    }
    return free;
  }

  /**
   * Begins to answer a conversation: computes its prompt and decides the first token.
   *
   * @param place a free one
   * @param conversation ends with the message to be answered
   * @throws dev.jangle.cache.ContextFullException where it is longer than the context; the place
   *     stays free
   * @throws dev.jangle.format.FormatException where it has a token that the model's embedding does
   *     not have
   * @throws dev.jangle.text.TemplateException where the chat template refuses it
   * @throws IllegalArgumentException where the prompt has no tokens
   * @throws IllegalStateException where the place is not free, the session is closed, or the model
   *     has no chat template
   */
  public void start(int place, List<ChatMessage> conversation) {
    requireOpen();
    if (places[place] != null) {
      throw new IllegalStateException("place " + place + " has a conversation");
    }
    int[] prompt = model.requireEmbedded(model.tokenizer().encodeChat(conversation, true));
    if (prompt.length == 0) {
      throw new IllegalArgumentException("the prompt is empty");
    }
    long start = System.nanoTime();
    Decoder started = decoder.start(place, prompt);
    places[place] = new Place(started, System.nanoTime() - start);
    places[place].take();
  }

  /**
   * Runs one forward pass for all conversations that have not ended.
   *
   * @return the answers that have ended since the last call, by ascending place
   * @throws dev.jangle.model.NanLogitsException where a logit is not a number: the weights are
   *     damaged
   * @throws IllegalStateException where the session is closed
   */
  public List<Finished> step() {
    requireOpen();
    List<Place> running = new ArrayList<>();
    for (Place place : places) {
      if (place != null && place.decoder.stopReason() == null) {
        running.add(place);
      }
    }
    decoder.step();
    running.forEach(Place::take);
    List<Finished> finished = new ArrayList<>();
    for (int i = 0; i < places.length; i++) {
      if (places[i] != null && places[i].decoder.stopReason() != null) {
        finished.add(new Finished(i, result(places[i])));
        places[i] = null;
      }
    }
    return Collections.unmodifiableList(finished);
  }

  private GenerationResult result(Place place) {
    int[] tokens = place.tokens.stream().mapToInt(Integer::intValue).toArray();
    return new GenerationResult(
        model.tokenizer().decode(tokens, true),
        place.tokens,
        place.decoder.stopReason(),
        place.decoder.statistics(tokens.length, place.firstTokenNanos));
  }

  /** The options of every answer. */
  public GenerationOptions options() {
    return options;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the session is closed");
    }
  }

  /** Gives the caches and the model back; answers that have not ended are lost. Idempotent. */
  @Override
  public void close() {
    closed = true;
    while (!taken.isEmpty()) {
      try {
        taken.pop().close();
      } catch (RuntimeException e) {
        throw e; // of a lost device, whose text says so
      } catch (Exception e) {
        throw new IllegalStateException("cannot give back what a session took", e);
      }
    }
  }
}
