package dev.jangle;

import dev.jangle.backend.Backend;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.cache.KvPool;
import dev.jangle.decode.BatchDecoder;
import dev.jangle.decode.DraftMemory;
import dev.jangle.decode.StepCosts;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.FormatException;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.ModelConfig;
import dev.jangle.model.Transformer;
import dev.jangle.text.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A loaded model: weights, tokenizer, chat template. Thread-safe and shared; what a conversation
 * changes lies in its {@link Session}. Holds memory outside the Java heap until closed, and stays
 * open until its last session is closed, too.
 */
public final class Model implements AutoCloseable {
  /** Context where nothing is asked for: more is seldom used, and a cache takes memory. */
  private static final int DEFAULT_CONTEXT = 4096;

  /** Slots past the context for the drafts of the last steps. */
  private static final int TREE_SLOTS = 128;

  private final Path path;
  private final String formatName;
  private final long weightBytes;
  private final DType weightFormat;
  private final ModelConfig config;
  private final int contextLength;
  private final DType kvFormat;
  private final Backend backend;
  private final Tokenizer tokenizer;
  private final Transformer transformer;
  private final DraftMemory draftMemory;
  private int users = 1;
  private boolean closed;

  private Model(
      Checkpoint checkpoint,
      int contextLength,
      DType kvFormat,
      Backend backend,
      Tokenizer tokenizer,
      Transformer transformer) {
    this.path = checkpoint.path();
    this.formatName = checkpoint.formatName();
    this.weightBytes = checkpoint.weightBytes();
    this.weightFormat = checkpoint.dtype("model.layers.0.mlp.down_proj.weight");
    this.config = checkpoint.config();
    this.contextLength = contextLength;
    this.kvFormat = kvFormat;
    this.backend = backend;
    this.tokenizer = tokenizer;
    this.transformer = transformer;
    this.draftMemory = new DraftMemory(transformer, backend, kvFormat);
  }

  /** As {@link #open(Path, ModelOptions)}, with {@link ModelOptions#defaults()}. */
  public static Model open(Path path) throws IOException {
    return open(path, ModelOptions.defaults());
  }

  /**
   * Opens a GGUF file or a Hugging Face folder, and the adapter where the options name one.
   *
   * @throws IOException where a file is missing or cannot be read
   * @throws FormatException where a file is damaged or not supported, naming it
   * @throws dev.jangle.backend.BackendException where the backend cannot be used, with the reason
   * @throws OutOfDeviceMemoryException where the weights do not fit
   * @throws IllegalArgumentException where the context is longer than the model's
   */
  public static Model open(Path path, ModelOptions options) throws IOException {
    try (Checkpoint checkpoint = open(path, options.adapter())) {
      ModelConfig config = checkpoint.config();
      int context = contextLength(options, config);
      Backend backend =
          Backend.open(options.backend(), options.threads(), options.tier().orElse(null));
      Tokenizer tokenizer = null;
      Transformer transformer = null;
      boolean whole = false;
      try {
        requireMemory(checkpoint, backend);
        tokenizer = Tokenizer.open(checkpoint.tokenizer());
        transformer =
            Transformer.load(checkpoint, backend, context + TREE_SLOTS, options.progress());
        Model model =
            new Model(checkpoint, context, options.kvFormat(), backend, tokenizer, transformer);
        whole = true;
        return model;
      } finally {
        if (!whole) {
          if (transformer != null) {
            transformer.close();
          }
          if (tokenizer != null) {
            tokenizer.close();
          }
          backend.close();
        }
      }
    }
  }

  /** The weights, with the adapter's change where there is one. */
  private static Checkpoint open(Path path, Optional<Path> adapter) throws IOException {
    Checkpoint base = Checkpoint.open(path);
    boolean whole = false;
    try {
      Checkpoint all =
          adapter.isPresent() ? LoraAdapter.open(adapter.get(), base).merge(base) : base;
      whole = true;
      return all;
    } finally {
      if (!whole) {
        base.close();
      }
    }
  }

  private static int contextLength(ModelOptions options, ModelConfig config) {
    if (options.contextLength() > config.contextLength()) {
      throw new IllegalArgumentException(
          "a context of %,d tokens; the model was made for at most %,d"
              .formatted(options.contextLength(), config.contextLength()));
    }
    return options.contextLength() > 0
        ? options.contextLength()
        : Math.min(config.contextLength(), DEFAULT_CONTEXT);
  }

  private static void requireMemory(Checkpoint checkpoint, Backend backend) {
    long free = backend.freeBytes();
    if (checkpoint.weightBytes() > free) {
      throw new OutOfDeviceMemoryException(
          "%s has %,d bytes of weights; %,d bytes of memory are free: use a smaller format of it"
              .formatted(checkpoint.path(), checkpoint.weightBytes(), free));
    }
  }

  /**
   * Answers one prompt in a session of its own. With a chat template the prompt is the user's
   * message, unless the options say raw.
   *
   * @throws dev.jangle.cache.ContextFullException where the prompt is longer than the context
   * @throws OutOfDeviceMemoryException where the session's cache does not fit
   * @throws IllegalArgumentException where the prompt has no tokens
   * @throws IllegalStateException where the model is closed
   */
  public GenerationResult generate(String prompt, GenerationOptions options) {
    return generate(prompt, options, event -> {});
  }

  /** As {@link #generate(String, GenerationOptions)}, telling of each token as it comes. */
  public GenerationResult generate(
      String prompt, GenerationOptions options, Consumer<TokenEvent> listener) {
    try (Session session = openSession()) {
      return session.send(prompt, options, listener);
    }
  }

  /** As {@link #generate(String, GenerationOptions)}, token by token; close it when done. */
  public TokenStream stream(String prompt, GenerationOptions options) {
    Session session = openSession();
    boolean started = false;
    try {
      TokenStream stream = session.stream(prompt, options, session::close);
      started = true;
      return stream;
    } finally {
      if (!started) {
        session.close();
      }
    }
  }

  /** As {@link #openSession(int)}, with room for one conversation. */
  public Session openSession() {
    return openSession(1);
  }

  /**
   * A new conversation whose cache has room for {@code sequences} conversations, itself and its
   * forks together.
   *
   * @param sequences 1 to 1024
   * @throws OutOfDeviceMemoryException where the cache does not fit; nothing was taken then
   * @throws IllegalArgumentException where {@code sequences} is outside
   * @throws IllegalStateException where the model is closed
   */
  public Session openSession(int sequences) {
    if (sequences < 1 || sequences > 1024) {
      throw new IllegalArgumentException(sequences + " sequences; expected 1 to 1024");
    }
    retain();
    boolean opened = false;
    try {
      int pages = Math.multiplyExact(sequences, pagesPerSequence());
      Session session = Session.open(this, newPool(pages));
      opened = true;
      return session;
    } finally {
      if (!opened) {
        release();
      }
    }
  }

  /**
   * A session that answers several conversations in each forward pass.
   *
   * @param conversations how many at a time, 1 to {@value BatchDecoder#MOST_PLACES}; each takes
   *     {@link #cacheBytes}
   * @param options of every answer; system messages are part of the conversations, so {@code
   *     system}, {@code raw} and {@code stop} have no place here
   * @throws OutOfDeviceMemoryException where the caches do not fit; nothing was taken then
   * @throws IllegalArgumentException where {@code conversations} is outside, or an option has no
   *     place
   * @throws IllegalStateException where the model is closed
   */
  public BatchSession openBatch(int conversations, GenerationOptions options) {
    if (conversations < 1 || conversations > BatchDecoder.MOST_PLACES) {
      throw new IllegalArgumentException(
          "%d conversations at a time; expected 1 to %d"
              .formatted(conversations, BatchDecoder.MOST_PLACES));
    }
    if (options.raw() || options.system().isPresent() || !options.stop().isEmpty()) {
      throw new IllegalArgumentException(
          "raw, system and stop have no place among the options of a batch: it answers"
              + " conversations, to their end tokens");
    }
    retain();
    return new BatchSession(this, conversations, pagesPerSequence(), options);
  }

  KvPool newPool(int pages) {
    return new KvPool(backend, config, kvFormat, pages);
  }

  private int pagesPerSequence() {
    return (contextLength + TREE_SLOTS + 63) / 64;
  }

  /** The shape of the model. */
  public ModelConfig config() {
    return config;
  }

  /** Its tokenizer. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** The file or folder it came from. */
  public Path path() {
    return path;
  }

  /** The kind of file, such as GGUF. */
  public String formatName() {
    return formatName;
  }

  /**
   * Bytes of its weights, in their formats: those of the file, or what an adapter makes of them.
   */
  public long weightBytes() {
    return weightBytes;
  }

  /** The format of the weights, by that of the first feed-forward layer. */
  public DType weightFormat() {
    return weightFormat;
  }

  /** Where it runs. */
  public Backend backend() {
    return backend;
  }

  /** The most tokens of prompt and output together. */
  public int contextLength() {
    return contextLength;
  }

  /** Bytes that the KV cache of one session takes. */
  public long cacheBytes() {
    return KvPool.bytes(config, kvFormat, pagesPerSequence());
  }

  /**
   * The time of a forward pass by its number of rows, by which {@link Decoding#AUTO} sizes its
   * trees. Measured on the first call, which takes some forward passes.
   *
   * @throws IllegalStateException where the model is closed
   */
  public StepCosts stepCosts() {
    retain();
    try {
      return draftMemory.costs();
    } finally {
      release();
    }
  }

  /**
   * A prompt's tokens, all of which the model has.
   *
   * @throws FormatException naming the first that its embedding does not have
   */
  int[] requireEmbedded(int[] prompt) {
    for (int token : prompt) {
      if (token >= config.vocabSize()) {
        throw new FormatException(
            path,
            "its tokenizer has the token %d, '%s', but its embedding only %d rows: resize the"
                    .formatted(
                        token,
                        new String(tokenizer.tokenBytes(token), StandardCharsets.UTF_8),
                        config.vocabSize())
                + " embedding, or take the token out of the tokenizer");
      }
    }
    return prompt;
  }

  Transformer transformer() {
    return transformer;
  }

  DraftMemory draftMemory() {
    return draftMemory;
  }

  synchronized void retain() {
    if (closed) {
      throw new IllegalStateException("the model " + path + " is closed");
    }
    users++;
  }

  synchronized void release() {
    if (--users == 0) {
      transformer.close();
      tokenizer.close();
      backend.close();
    }
  }

  /** No new session can be opened; memory is given back when the last session closes. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      release();
    }
  }
}
