package dev.jangle.text;

/**
 * Decodes UTF-8 that comes in pieces. A character is written once its last byte is there. What
 * cannot become a character is written as U+FFFD as soon as that is certain, one for each longest
 * sequence that some character begins with (the Unicode Standard's "maximal subparts", as the
 * WHATWG and Rust decode).
 */
final class Utf8Decoder {
  private static final int REPLACEMENT = 0xFFFD;

  private int codePoint;

  /** Continuation bytes that are missing; 0 between characters. */
  private int missing;

  /** Bounds of the next continuation byte. */
  private int low = 0x80;

  private int high = 0xBF;

  void append(byte next, StringBuilder out) {
    int b = Byte.toUnsignedInt(next);
    if (missing > 0) {
      if (b >= low && b <= high) {
        low = 0x80;
        high = 0xBF;
        codePoint = (codePoint << 6) | (b & 0x3F);
        if (--missing == 0) {
          out.appendCodePoint(codePoint);
        }
        return;
      }
      flush(out);
    }
    begin(b, out);
  }

  /** Whether a character is unfinished. */
  boolean pending() {
    return missing > 0;
  }

  /** Gives up an unfinished character. */
  void flush(StringBuilder out) {
    if (missing > 0) {
      out.appendCodePoint(REPLACEMENT);
    }
    missing = 0;
    low = 0x80;
    high = 0xBF;
  }

  /** The first byte of a character; some lead bytes narrow the second (Unicode, table 3-7). */
  private void begin(int b, StringBuilder out) {
    if (b < 0x80) {
      out.append((char) b);
    } else if (b >= 0xC2 && b <= 0xDF) {
      missing = 1;
      codePoint = b & 0x1F;
    } else if (b >= 0xE0 && b <= 0xEF) {
      missing = 2;
      codePoint = b & 0x0F;
      low = b == 0xE0 ? 0xA0 : 0x80;
      high = b == 0xED ? 0x9F : 0xBF;
    } else if (b >= 0xF0 && b <= 0xF4) {
      missing = 3;
      codePoint = b & 0x07;
      low = b == 0xF0 ? 0x90 : 0x80;
      high = b == 0xF4 ? 0x8F : 0xBF;
    } else {
      out.appendCodePoint(REPLACEMENT);
    }
  }
}
