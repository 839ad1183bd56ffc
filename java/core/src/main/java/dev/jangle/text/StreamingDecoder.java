package dev.jangle.text;

/**
 * Turns tokens into text as they come. What the pushes and the flush return, joined, is {@link
 * Tokenizer#decode} of all tokens. One stream per object; not thread-safe.
 */
public final class StreamingDecoder {
  private final Tokenizer tokenizer;
  private final boolean skipSpecial;
  private final Utf8Decoder utf8 = new Utf8Decoder();
  private boolean atStart = true;

  /**
   * A decoder at the start of a text.
   *
   * @param skipSpecial whether special tokens are left out of the text
   */
  public StreamingDecoder(Tokenizer tokenizer, boolean skipSpecial) {
    this.tokenizer = tokenizer;
    this.skipSpecial = skipSpecial;
  }

  /**
   * The text that became complete with this token; often empty, never half a character.
   *
   * @throws IllegalArgumentException if the id is negative
   */
  public String push(int id) {
    if (skipSpecial && tokenizer.isSpecial(id)) {
      return "";
    }
    StringBuilder out = new StringBuilder();
    byte[] bytes = tokenizer.bytes(id);
    // SentencePiece puts a space before a text; it is no part of it.
    int first = atStart && bytes.length > 0 && bytes[0] == ' ' && tokenizer.addsSpace() ? 1 : 0;
    atStart &= bytes.length == 0;
    for (int i = first; i < bytes.length; i++) {
      utf8.append(bytes[i], out);
    }
    return out.toString();
  }

  /** Whether bytes of an unfinished character are held back. */
  public boolean pending() {
    return utf8.pending();
  }

  /** What is left at the end of the stream; the decoder is then at the start of a new text. */
  public String flush() {
    StringBuilder out = new StringBuilder();
    utf8.flush(out);
    atStart = true;
    return out.toString();
  }
}
