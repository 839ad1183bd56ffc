package dev.jangle.text;

import dev.jangle.format.TokenizerSource;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** A model's tokenizer. Thread-safe. */
@SuppressWarnings("DoNotCallSuggester")
public final class Tokenizer implements AutoCloseable {
  private Tokenizer() {}

  /**
   * Opens a checkpoint's tokenizer.
   *
   * @throws dev.jangle.format.FormatException if it is damaged or of a kind that is not supported
   */
  public static Tokenizer open(TokenizerSource source) throws IOException {
    throw new UnsupportedOperationException();
  }

  /**
   * The ids of a text.
   *
   * @param addSpecial whether BOS and EOS are added where the model's own rule says so
   * @param parseSpecial whether special tokens written in the text become special tokens
   */
  public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
    throw new UnsupportedOperationException();
  }

  /**
   * The ids of a conversation by the model's chat template. Special tokens written in a message are
   * encoded as text.
   */
  public int[] encodeChat(List<ChatMessage> messages, boolean addGenerationPrompt) {
    throw new UnsupportedOperationException();
  }

  /** The text of ids; bytes that are not UTF-8 become U+FFFD. */
  public String decode(int[] ids, boolean skipSpecial) {
    throw new UnsupportedOperationException();
  }

  /** The exact bytes that a token stands for; empty for an id without a token. */
  public byte[] tokenBytes(int id) {
    throw new UnsupportedOperationException();
  }

  /** One more than the largest id that has a token. */
  public int vocabSize() {
    throw new UnsupportedOperationException();
  }

  /** The token that begins a text, where the model has one. */
  public OptionalInt bos() {
    throw new UnsupportedOperationException();
  }

  /** The tokens that end an answer. */
  public Set<Integer> endTokens() {
    throw new UnsupportedOperationException();
  }

  /** Whether the token is a mark of the format (BOS, end of turn) and not text. */
  public boolean isSpecial(int id) {
    throw new UnsupportedOperationException();
  }

  /** The model's chat template, where it has one. */
  public Optional<ChatTemplate> chatTemplate() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }
}
