package dev.jangle.text;

import com.fasterxml.jackson.databind.JsonNode;
import dev.jangle.format.FormatException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** What each token of a {@code tokenizer.json} stands for. Immutable. */
final class TokenTable {
  /** Ids beyond are taken for damage; the largest vocabularies have 262,144. */
  private static final int MAX_ID = 1 << 24;

  static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

  private final Path file;
  private final List<String> texts = new ArrayList<>();
  private final byte[][] bytes;
  private final BitSet special = new BitSet();
  private final BitSet added = new BitSet();
  private final boolean addsSpace;

  TokenTable(Path file, JsonNode json) {
    this.file = file;
    String type = json.path("model").path("type").asText("BPE");
    if (!type.equals("BPE")) {
      throw new FormatException(
          file, "key model.type is '" + type + "', which is not supported; supported: BPE");
    }
    for (Map.Entry<String, JsonNode> entry : json.path("model").path("vocab").properties()) {
      put(entry.getValue(), entry.getKey());
    }
    for (JsonNode token : json.path("added_tokens")) {
      int id = put(token.path("id"), token.path("content").textValue());
      added.set(id);
      special.set(id, token.path("special").asBoolean(false));
    }
    if (texts.isEmpty()) {
      throw new FormatException(file, "key model.vocab has no tokens");
    }
    boolean byteLevel = json.path("decoder").path("type").asText().equals("ByteLevel");
    this.addsSpace = !byteLevel && stripsSpace(json.path("decoder"));
    this.bytes = new byte[texts.size()][];
    for (int id = 0; id < bytes.length; id++) {
      bytes[id] = bytes(id, byteLevel);
    }
  }

  private int put(JsonNode id, String text) {
    if (!id.canConvertToInt() || id.intValue() < 0 || id.intValue() > MAX_ID || text == null) {
      throw new FormatException(
          file, "the token '" + text + "' has the id " + id + ", expected 0 to " + MAX_ID);
    }
    while (texts.size() <= id.intValue()) {
      texts.add(null);
    }
    texts.set(id.intValue(), text);
    return id.intValue();
  }

  private byte[] bytes(int id, boolean byteLevel) {
    String text = texts.get(id);
    if (text == null) {
      return new byte[0];
    } else if (byteLevel) {
      return added.get(id) ? text.getBytes(StandardCharsets.UTF_8) : ByteAlphabet.bytes(text);
    } else if (BYTE.matcher(text).matches()) {
      return new byte[] {(byte) Integer.parseInt(text.substring(3, 5), 16)};
    }
    return text.replace('▁', ' ').getBytes(StandardCharsets.UTF_8);
  }

  /** Whether a SentencePiece decoder takes one space off the start; refuses other decoders. */
  private boolean stripsSpace(JsonNode decoder) {
    StringBuilder kinds = new StringBuilder();
    boolean plain = true;
    for (JsonNode step : decoder.path("decoders")) {
      kinds.append(kinds.isEmpty() ? "" : ", ").append(step.path("type").asText());
      plain &=
          switch (step.path("type").asText()) {
            case "Replace" ->
                step.path("pattern").path("String").asText().equals("▁")
                    && step.path("content").asText().equals(" ");
            case "Strip" ->
                step.path("content").asText().equals(" ")
                    && step.path("start").asInt() == 1
                    && step.path("stop").asInt() == 0;
            default -> true;
          };
    }
    String found = kinds.toString();
    if (!plain || !found.matches("Replace, ByteFallback, Fuse(, Strip)?")) {
      throw new FormatException(
          file,
          "key decoder is "
              + decoder.path("type").asText("missing")
              + (found.isEmpty() ? "" : " of " + found)
              + ", which is not supported; supported: ByteLevel, and SentencePiece's Sequence of"
              + " Replace, ByteFallback, Fuse, Strip");
    }
    return found.endsWith("Strip");
  }

  /** One more than the largest id. */
  int size() {
    return bytes.length;
  }

  /** Not a copy; empty where there is no such token. */
  byte[] bytes(int id) {
    if (id < 0) {
      throw new IllegalArgumentException("the token id " + id + " is negative");
    }
    return id < bytes.length ? bytes[id] : new byte[0];
  }

  boolean isSpecial(int id) {
    return id >= 0 && special.get(id);
  }

  /** Ids of the special tokens, ascending. */
  int[] special() {
    return special.stream().toArray();
  }

  String text(int id) {
    return texts.get(id);
  }

  boolean addsSpace() {
    return addsSpace;
  }
}
