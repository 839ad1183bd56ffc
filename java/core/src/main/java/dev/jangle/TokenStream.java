package dev.jangle;

import dev.jangle.decode.Decoder;
import dev.jangle.text.StreamingDecoder;
import dev.jangle.text.Tokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * The tokens of an answer as they come: each call of {@link #next} runs a forward pass where one is
 * needed. One thread at a time, except {@link #cancel}, which any thread may call: what comes while
 * another thread waits for a token throws {@link IllegalStateException}.
 */
public final class TokenStream implements Iterator<TokenEvent>, AutoCloseable {
  private final Decoder decoder;
  private final Consumer<GenerationResult> onClose;
  private final StreamingDecoder text;
  private final StopStrings stops;
  private final ArrayDeque<TokenEvent> ready = new ArrayDeque<>();
  private final List<Integer> tokens = new ArrayList<>();
  private final StringBuilder whole = new StringBuilder();
  private final long start = System.nanoTime();
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile boolean cancelled;
  private TokenEvent held;
  private long firstTokenNanos;
  private int step;
  private boolean begun;
  private boolean ended;
  private boolean closed;
  private GenerationResult result;

  TokenStream(
      Decoder decoder, Tokenizer tokenizer, List<String> stop, Consumer<GenerationResult> onClose) {
    this.decoder = decoder;
    this.onClose = onClose;
    this.text = new StreamingDecoder(tokenizer, true);
    this.stops = new StopStrings(stop);
  }

  /**
   * Whether there is another token. Runs forward passes until one is ready or the answer has ended;
   * none after {@link #close}.
   *
   * @throws dev.jangle.model.NanLogitsException where a logit is not a number: the weights are
   *     damaged
   * @throws IllegalStateException where another thread waits for a token
   */
  @Override
  public boolean hasNext() {
    while (ready.isEmpty() && !ended && !closed) {
      occupy();
      try {
        if (!closed) {
          advance();
        }
      } finally {
        busy.set(false);
      }
    }
    return !ready.isEmpty();
  }

  /** A pass must not run twice at once, nor may its memory go while it runs. */
  private void occupy() {
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException(
          "another thread waits for a token of this stream; cancel() ends the answer, from any"
              + " thread");
    }
  }

  /**
   * The next token.
   *
   * @throws NoSuchElementException where {@link #hasNext} is false
   */
  @Override
  public TokenEvent next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the answer has ended");
    }
    return ready.poll();
  }

  private void advance() {
    ended = true; // and stays so where the pass fails: there is nothing to go on from
    if (cancelled) {
      decoder.stop(StopReason.CANCELLED);
    } else if (!begun) {
      begun = true;
      decoder.prefill(() -> cancelled);
      firstTokenNanos = System.nanoTime() - start;
      take(0);
    } else {
      decoder.step();
      take(++step);
    }
    ended = decoder.stopReason() != null;
    if (ended) {
      end();
    }
  }

  /** Turns the decoder's new tokens into events, up to a stop string. */
  private void take(int inStep) {
    for (int i = 0; i < decoder.stepCount(); i++) {
      int token = decoder.stepToken(i);
      tokens.add(token);
      String complete = stops.push(text.push(token));
      release(new TokenEvent(token, complete, decoder.stepSource(i), inStep));
      if (stops.found()) {
        decoder.stop(StopReason.STOP_STRING);
        return;
      }
    }
  }

  /**
   * Passes an event on. The latest one waits while text of its token is held back (half a
   * character, or what may become a stop string), so that text which the end sets free has an event
   * to go with.
   */
  private void release(TokenEvent event) {
    if (held != null) {
      ready.add(held);
      held = null;
    }
    whole.append(event.text());
    if (text.pending() || stops.pending()) {
      held = event;
    } else {
      ready.add(event);
    }
  }

  private void end() {
    String rest = stops.found() ? "" : stops.push(text.flush()) + stops.flush();
    whole.append(rest);
    if (held != null) {
      ready.add(new TokenEvent(held.token(), held.text() + rest, held.source(), held.step()));
      held = null;
    }
    result =
        new GenerationResult(
            whole.toString(),
            tokens,
            // One pass may complete a stop string and, by a later token, end the decoder.
            stops.found() ? StopReason.STOP_STRING : decoder.stopReason(),
            decoder.statistics(tokens.size(), firstTokenNanos));
  }

  /**
   * Ends the answer after the forward pass that is running; when its tokens are read, {@link
   * #hasNext} is false.
   */
  public void cancel() {
    cancelled = true;
  }

  /**
   * The whole answer.
   *
   * @throws IllegalStateException before the last event was read
   */
  public GenerationResult result() {
    if (result == null || !ready.isEmpty()) {
      throw new IllegalStateException("the answer was not read to its end; read all events first");
    }
    return result;
  }

  /**
   * Gives the session back. An answer that was not read to its end stays out of the conversation.
   *
   * @throws IllegalStateException where another thread waits for a token; {@link #cancel} first
   */
  @Override
  public void close() {
    occupy();
    try {
      if (!closed) {
        closed = true;
        onClose.accept(ready.isEmpty() ? result : null);
      }
    } finally {
      busy.set(false);
    }
  }
}
