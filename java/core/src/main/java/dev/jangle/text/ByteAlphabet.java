package dev.jangle.text;

import java.nio.charset.StandardCharsets;

/**
 * The letters in which byte-level BPE spells bytes: a printable Latin-1 character stands for its
 * own byte; the other 68 bytes have U+0100, U+0101, ... in their order (GPT-2's table).
 */
final class ByteAlphabet {
  private static final int LETTERS = 0x100 + 68;

  /** The byte of a letter, or -1. */
  private static final short[] BYTE_OF = new short[LETTERS];

  static {
    java.util.Arrays.fill(BYTE_OF, (short) -1);
    int next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable =
          (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
      BYTE_OF[printable ? b : next++] = (short) b;
    }
  }

  private ByteAlphabet() {}

  /** The bytes that a token spells; its own UTF-8 if it has a character that is no letter. */
  static byte[] bytes(String token) {
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = token.charAt(i);
      if (c >= LETTERS || BYTE_OF[c] < 0) {
        return token.getBytes(StandardCharsets.UTF_8);
      }
      bytes[i] = (byte) BYTE_OF[c];
    }
    return bytes;
  }
}
