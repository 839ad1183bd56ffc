package dev.jangle.text;

/** Turns tokens into text as they come. One stream per object; not thread-safe. */
@SuppressWarnings("DoNotCallSuggester")
public final class StreamingDecoder {
  /** A decoder at the start of a text. */
  public StreamingDecoder(Tokenizer tokenizer, boolean skipSpecial) {
    throw new UnsupportedOperationException();
  }

  /** The text that became complete with this token; often empty, never half a character. */
  public String push(int id) {
    throw new UnsupportedOperationException();
  }

  /** What is left at the end of the stream; the decoder is then at the start of a new text. */
  public String flush() {
    throw new UnsupportedOperationException();
  }
}
