package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.stream.IntStream;

/** Compares what a tokenizer makes of a string with what transformers made of it. */
final class Expected {
  private Expected() {}

  static void check(Tokenizer tokenizer, String string, JsonNode row) {
    int[] ids = Fixtures.ints(row.get("ids"));
    int[] frame = tokenizer.encode("", true, true);
    int[] unparsed = row.has("unparsed") ? Fixtures.ints(row.get("unparsed")) : ids;
    assertArrayEquals(ids, tokenizer.encode(string, false, true), string);
    assertArrayEquals(unparsed, tokenizer.encode(string, false, false), string);
    assertArrayEquals(joined(frame, ids), tokenizer.encode(string, true, true), string);
    assertArrayEquals(joined(frame, unparsed), tokenizer.encode(string, true, false), string);

    String decoded = row.has("decoded") ? row.get("decoded").textValue() : string;
    String skipped = row.has("skipped") ? row.get("skipped").textValue() : decoded;
    assertEquals(decoded, tokenizer.decode(ids, false));
    assertEquals(skipped, tokenizer.decode(ids, true));
    assertEquals(decoded, streamed(tokenizer, ids, false));
    assertEquals(skipped, streamed(tokenizer, ids, true));
  }

  /** The pieces of a stream, joined; no piece may have half a character. */
  private static String streamed(Tokenizer tokenizer, int[] ids, boolean skipSpecial) {
    StreamingDecoder decoder = new StreamingDecoder(tokenizer, skipSpecial);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(whole(decoder.push(id)));
    }
    return text.append(whole(decoder.flush())).toString();
  }

  private static String whole(String piece) {
    assertFalse(
        piece.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF), "half a character: " + piece);
    return piece;
  }

  private static int[] joined(int[] first, int[] second) {
    return IntStream.concat(IntStream.of(first), IntStream.of(second)).toArray();
  }
}
