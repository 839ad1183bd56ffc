package dev.jangle;

import dev.jangle.cache.KvCache;
import dev.jangle.cache.KvPool;
import dev.jangle.decode.Decoder;
import dev.jangle.decode.StepRunner;
import dev.jangle.model.Workspace;
import dev.jangle.text.ChatMessage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * A conversation. It keeps its messages and its KV cache, so that a turn computes only what is new.
 * One owner: a session that is used by two threads at once, or while one of its streams is open,
 * throws {@link IllegalStateException}.
 */
public final class Session implements AutoCloseable {
  private final Model model;
  private final KvPool pool;
  private final Workspace work;
  private final KvCache cache;
  private final StepRunner runner;
  private final List<ChatMessage> messages = new ArrayList<>();
  private final AtomicBoolean busy = new AtomicBoolean();
  private int[] cachedTokens = new int[0];
  private boolean closed;

  private Session(Model model, KvPool pool, Workspace work, KvCache cache, StepRunner runner) {
    this.model = model;
    this.pool = pool;
    this.work = work;
    this.cache = cache;
    this.runner = runner;
  }

  /**
   * Takes over the caller's reference to the model, and the pool; gives the pool back on failure.
   */
  static Session open(Model model, KvPool pool) {
    Workspace work = null;
    KvCache cache = null;
    try {
      work = model.transformer().newWorkspace();
      cache = new KvCache(pool, work.kernels());
      StepRunner runner = new StepRunner(model.transformer(), model.backend(), work, cache);
      return new Session(model, pool, work, cache, runner);
    } catch (RuntimeException | Error e) {
      if (cache != null) {
        cache.close();
      } else {
        pool.close();
      }
      if (work != null) {
        work.close();
      }
      throw e;
    }
  }

  /** As {@link #send(String, GenerationOptions, Consumer)}, waiting for the whole answer. */
  public GenerationResult send(String message, GenerationOptions options) {
    return send(message, options, event -> {});
  }

  /**
   * Sends a message, telling of each token of the answer as it comes. With a chat template, message
   * and answer join the conversation; without one, or with {@link GenerationOptions#raw()}, the
   * text is taken as it is and the conversation stays as it was. It does so, too, where the answer
   * was cancelled before its first token.
   *
   * @throws dev.jangle.cache.ContextFullException where the conversation is longer than the
   *     context; it stays as it was before the call
   * @throws dev.jangle.format.FormatException where the prompt has a token that the model's
   *     embedding does not have
   * @throws IllegalArgumentException where the prompt has no tokens, or there is a system message
   *     and no chat template
   * @throws IllegalStateException where the session is in use or closed
   */
  public GenerationResult send(
      String message, GenerationOptions options, Consumer<TokenEvent> listener) {
    try (TokenStream stream = stream(message, options)) {
      while (stream.hasNext()) {
        listener.accept(stream.next());
      }
      return stream.result();
    }
  }

  /**
   * As {@link #send(String, GenerationOptions, Consumer)}, token by token; close it before the next
   * message.
   */
  public TokenStream stream(String message, GenerationOptions options) {
    return stream(message, options, () -> {});
  }

  TokenStream stream(String message, GenerationOptions options, Runnable onClose) {
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException(
          "the session is in use: another thread, or a stream that is still open");
    }
    boolean started = false;
    try {
      if (closed) {
        throw new IllegalStateException("the session is closed");
      }
      boolean chat = !options.raw() && model.tokenizer().chatTemplate().isPresent();
      if (!chat && options.system().isPresent()) {
        throw new IllegalArgumentException(
            "the model has no chat template, so a system message has no place; write it into the"
                + " prompt");
      }
      List<ChatMessage> turn = new ArrayList<>(messages);
      if (chat && turn.isEmpty() && options.system().isPresent()) {
        turn.add(new ChatMessage("system", options.system().get()));
      }
      turn.add(new ChatMessage("user", message));
      int[] prompt =
          model.requireEmbedded(
              chat
                  ? model.tokenizer().encodeChat(turn, true)
                  : model.tokenizer().encode(message, true, false));
      if (prompt.length == 0) {
        throw new IllegalArgumentException("the prompt is empty");
      }
      int known = commonPrefix(prompt);
      if (prompt.length < model.contextLength()) {
        cache.truncate(known);
        cachedTokens = Arrays.copyOf(cachedTokens, known);
      }
      Decoder decoder =
          new Decoder(
              runner,
              options,
              model.draftMemory(),
              model.tokenizer().endTokens(),
              prompt,
              model.contextLength());
      started = true;
      return new TokenStream(
          decoder,
          model.tokenizer(),
          options.stop(),
          result -> {
            cachedTokens = decoder.tokens(cache.length());
            if (chat && result != null && !isUnanswered(result)) {
              messages.clear();
              messages.addAll(turn);
              messages.add(new ChatMessage("assistant", result.text()));
            }
            busy.set(false);
            onClose.run();
          });
    } finally {
      if (!started) {
        busy.set(false);
      }
    }
  }

  private static boolean isUnanswered(GenerationResult result) {
    return result.stopReason() == StopReason.CANCELLED && result.tokens().isEmpty();
  }

  /** Tokens of the prompt that the cache holds; the last one is always computed anew. */
  private int commonPrefix(int[] prompt) {
    int most = Math.min(cachedTokens.length, prompt.length - 1);
    int mismatch = Arrays.mismatch(cachedTokens, 0, most, prompt, 0, most);
    return mismatch < 0 ? most : mismatch;
  }

  /**
   * A second conversation with the same past. The two share the cache's pages until they differ,
   * and must stay with one thread.
   *
   * @throws dev.jangle.cache.ContextFullException later, when the cache has no room for both: see
   *     {@link Model#openSession(int)}
   * @throws IllegalStateException where the session is in use or closed
   */
  public Session fork() {
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException(
          "the session is in use: another thread, or a stream that is still open");
    }
    try {
      if (closed) {
        throw new IllegalStateException("the session is closed");
      }
      model.retain();
      Workspace forkWork = null;
      KvCache forkCache = null;
      try {
        forkWork = model.transformer().newWorkspace();
        forkCache = cache.fork(forkWork.kernels());
        StepRunner forkRunner =
            new StepRunner(model.transformer(), model.backend(), forkWork, forkCache);
        Session fork = new Session(model, pool, forkWork, forkCache, forkRunner);
        fork.messages.addAll(messages);
        fork.cachedTokens = cachedTokens.clone();
        return fork;
      } catch (RuntimeException | Error e) {
        if (forkCache != null) {
          forkCache.close();
        }
        if (forkWork != null) {
          forkWork.close();
        }
        model.release();
        throw e;
      }
    } finally {
      busy.set(false);
    }
  }

  /** The conversation so far. */
  public List<ChatMessage> messages() {
    return List.copyOf(messages);
  }

  /** Tokens whose keys and values are in the cache. */
  public int cachedTokenCount() {
    return cache.length();
  }

  /**
   * Gives the cache and the model back. Idempotent.
   *
   * @throws IllegalStateException while a stream of the session is open
   */
  @Override
  public void close() {
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException("close the session's stream first");
    }
    if (!closed) {
      closed = true;
      runner.close();
      cache.close();
      work.close();
      model.release();
    }
    busy.set(false);
  }
}
