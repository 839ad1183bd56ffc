package dev.jangle.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.format.FormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Set;
import java.util.TreeSet;

/**
 * The same tokenizer, but the special tokens have secret names: what the model's own names spell is
 * encoded as text, and only who knows a secret name can write a special token. The names are random
 * and new in each process. Thread-safe.
 */
final class PlainTokenizer implements AutoCloseable {
  /** Starts every secret name; in the private use area, so that no letter can join it. */
  private final String secret;

  private final TokenTable table;
  private final SpecialTexts specials;
  private final NativeTokenizer tokenizer;

  /**
   * Opens it.
   *
   * @param json the {@code tokenizer.json}
   */
  PlainTokenizer(Path file, byte[] json, TokenTable table, SpecialTexts specials) {
    byte[] random = new byte[16];
    new SecureRandom().nextBytes(random);
    this.secret = "\uE000" + HexFormat.of().formatHex(random);
    this.table = table;
    this.specials = specials;
    this.tokenizer = new NativeTokenizer(renamed(json));
    for (int id : table.special()) {
      int[] found = encode(name(id), false);
      if (found.length != 1 || found[0] != id) {
        tokenizer.close();
        throw new FormatException(
            file,
            "the special token '"
                + table.text(id)
                + "' has the id "
                + id
                + ", which the tokenizers library does not keep");
      }
    }
  }

  /** Ids of a text in which no special token is found. */
  int[] encode(String text, boolean addSpecial) {
    return tokenizer.encode(text, addSpecial, id -> false);
  }

  /**
   * The text with every special token's text made unrecognisable; {@link #encodeMasked} undoes it.
   */
  String mask(String text) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      if (specials.at(text, i) >= 0) {
        out.append(secret).append('m').append((int) text.charAt(i)).append('\uE001');
      } else {
        out.append(text.charAt(i));
      }
    }
    return out.toString();
  }

  /** Ids of a text with masked parts; special tokens outside of them are special tokens. */
  int[] encodeMasked(String text) {
    StringBuilder out = new StringBuilder();
    String mask = secret + 'm';
    int i = 0;
    while (i < text.length()) {
      int id = specials.at(text, i);
      if (id >= 0) {
        out.append(name(id));
        i += table.text(id).length();
      } else if (text.startsWith(mask, i)) {
        int end = text.indexOf('\uE001', i);
        out.append((char) Integer.parseInt(text.substring(i + mask.length(), end)));
        i = end + 1;
      } else {
        out.append(text.charAt(i++));
      }
    }
    return encode(out.toString(), false);
  }

  private String name(int id) {
    return secret + 's' + id + '\uE001';
  }

  private String renamed(byte[] json) {
    try {
      ObjectNode document = (ObjectNode) HuggingFaceTokenizerReader.MAPPER.readTree(json);
      Set<String> texts = new TreeSet<>();
      for (int id : table.special()) {
        texts.add(table.text(id));
      }
      for (JsonNode token : document.path("added_tokens")) {
        if (token.path("special").asBoolean()) {
          ((ObjectNode) token).put("content", name(token.path("id").intValue()));
          ((ObjectNode) token).put("normalized", false);
        }
      }
      ObjectNode model = (ObjectNode) document.path("model");
      ObjectNode vocabulary = (ObjectNode) model.path("vocab");
      for (String text : texts) {
        JsonNode id = vocabulary.remove(text);
        if (id != null) {
          vocabulary.set(name(id.intValue()), id);
          if (text.equals(model.path("unk_token").textValue())) {
            model.put("unk_token", name(id.intValue()));
          }
        }
      }
      model.set("merges", merges(model.path("merges"), texts));
      return HuggingFaceTokenizerReader.MAPPER.writeValueAsString(document);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The merges that neither take nor make a special token. */
  private static ArrayNode merges(JsonNode merges, Set<String> specials) {
    ArrayNode kept = HuggingFaceTokenizerReader.MAPPER.createArrayNode();
    for (JsonNode merge : merges) {
      String left = merge.path(0).asText();
      String right = merge.path(1).asText();
      if (merge.isTextual()) {
        int space = merge.textValue().indexOf(' ');
        left = merge.textValue().substring(0, Math.max(space, 0));
        right = merge.textValue().substring(space + 1);
      }
      if (!specials.contains(left + right)
          && !specials.contains(left)
          && !specials.contains(right)) {
        kept.add(merge);
      }
    }
    return kept;
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
