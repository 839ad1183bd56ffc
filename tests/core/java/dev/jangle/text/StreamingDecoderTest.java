package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When text comes out of a stream, and what comes of damaged bytes. */
final class StreamingDecoderTest {
  @TempDir private Path temporary;

  @ParameterizedTest
  @CsvSource({"smollm", "llama"})
  void aCharacterComesWithItsLastByte(String name) throws IOException {
    assertEquals(List.of("", "", "", "😀", ""), pieces(name, "F09F9880"));
    assertEquals(List.of("", "é", "a", ""), pieces(name, "C3A961"));
    assertEquals(List.of("\n", "\r", ""), pieces(name, "0A0D"));
  }

  @ParameterizedTest
  @CsvSource({"smollm", "llama"})
  void damageShowsAsSoonAsItIsCertain(String name) throws IOException {
    assertEquals(List.of("", "", "\uFFFDa", ""), pieces(name, "E28261"));
    assertEquals(List.of("", "", "\uFFFD"), pieces(name, "E282"));
    assertEquals(List.of("\uFFFD", "a", ""), pieces(name, "8061"));
    assertEquals(List.of("", "\uFFFD", "é", ""), pieces(name, "C3C3A9"));
  }

  /** The Unicode Standard, section 3.9, tables 3-8 to 3-11. */
  @ParameterizedTest
  @CsvSource({
    "C0AFE080BFF0818241, ########A",
    "EDA080EDBFBFEDAF41, ########A",
    "F4919293FF4180BF42, #####A##B",
    "E180E2F09192F1BF41, ####A",
    "F48FBFBF, \uDBFF\uDFFF",
    "F0908080, \uD800\uDC00",
    "EFBFBF, \uFFFF",
    "DF, #",
    "F0908080F09080, \uD800\uDC00#"
  })
  void damageBecomesMaximalSubparts(String hex, String expected) throws IOException {
    assertEquals(expected.replace('#', '\uFFFD'), String.join("", pieces("smollm", hex)));
    assertEquals(expected.replace('#', '\uFFFD'), String.join("", pieces("llama", hex)));
  }

  /** Only the first space of a text is SentencePiece's own; after a flush another text begins. */
  @Test
  void theFirstSpaceIsLeftOut() throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(temporary, "llama", "gguf")) {
      int[] ids = tokenizer.encode(" the word", true, true);
      StreamingDecoder decoder = new StreamingDecoder(tokenizer, true);
      for (int round = 0; round < 2; round++) {
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
          text.append(decoder.push(id));
        }
        assertEquals(" the word", text + decoder.flush());
      }
    }
  }

  /** Pushes the tokens of single bytes, then flushes. */
  private List<String> pieces(String name, String hex) throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(temporary, name, "folder")) {
      StreamingDecoder decoder = new StreamingDecoder(tokenizer, true);
      List<String> pieces = new ArrayList<>();
      for (byte b : HexFormat.of().parseHex(hex)) {
        pieces.add(decoder.push(single(tokenizer, b)));
        assertTrue(decoder.pending() || !pieces.getLast().isEmpty());
      }
      boolean pending = decoder.pending();
      pieces.add(decoder.flush());
      assertEquals(pending, !pieces.getLast().isEmpty());
      return pieces;
    }
  }

  private static int single(Tokenizer tokenizer, byte b) {
    for (int id = 0; id < tokenizer.vocabSize(); id++) {
      byte[] bytes = tokenizer.tokenBytes(id);
      if (bytes.length == 1 && bytes[0] == b) {
        return id;
      }
    }
    throw new AssertionError("no token of the byte " + b);
  }
}
