package dev.jangle.text;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.format.FormatException;
import dev.jangle.format.GgufMetadata;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Turns the vocabulary of a GGUF file into a {@code tokenizer.json}. Two kinds of {@code
 * tokenizer.ggml.model}: {@code gpt2} is byte-level BPE with merges; {@code llama} is SentencePiece
 * BPE with scores and byte tokens, where a space is put before the text unless {@code
 * add_space_prefix} is false, as llama.cpp does it.
 */
final class GgufTokenizerReader {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  /** Values of {@code tokenizer.ggml.token_type}. */
  private static final int NORMAL = 1;

  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;

  private final GgufMetadata metadata;
  private final String[] tokens;
  private final int[] types;

  /** Ids of the token texts; of several with one text, the first. */
  private final Map<String, Integer> ids = new LinkedHashMap<>();

  private GgufTokenizerReader(GgufMetadata metadata) {
    this.metadata = metadata;
    this.tokens = metadata.strings("tokenizer.ggml.tokens");
    this.types = types();
    for (int id = 0; id < tokens.length; id++) {
      ids.putIfAbsent(tokens[id], id);
    }
  }

  static TokenizerDefinition read(GgufMetadata metadata) {
    String model = metadata.string("tokenizer.ggml.model");
    return switch (model) {
      case "gpt2" -> new GgufTokenizerReader(metadata).byteLevel();
      case "llama" -> new GgufTokenizerReader(metadata).sentencePiece();
      default ->
          throw new FormatException(
              metadata.path(),
              "key tokenizer.ggml.model is '"
                  + model
                  + "', a tokenizer that is not supported; supported: gpt2, llama");
    };
  }

  private int[] types() {
    String key = "tokenizer.ggml.token_type";
    if (!metadata.has(key)) {
      int[] normal = new int[tokens.length];
      java.util.Arrays.fill(normal, NORMAL);
      return normal;
    }
    int[] given = metadata.ints(key);
    checkLength(key, given.length);
    return given;
  }

  private void checkLength(String key, int length) {
    if (length != tokens.length) {
      throw wrong(
          key,
          "has " + length + " elements, expected one for each of " + tokens.length + " tokens");
    }
  }

  private TokenizerDefinition byteLevel() {
    PreTokenizers words =
        PreTokenizers.named(metadata.path(), metadata.string("tokenizer.ggml.pre", "(none)"));
    ObjectNode json = document();
    json.set("normalizer", words.normalizer());
    json.set("pre_tokenizer", words.json());
    json.set("decoder", PreTokenizers.byteLevel(true));
    ObjectNode model = json.putObject("model").put("type", "BPE");
    model.putNull("unk_token").put("ignore_merges", words.ignoresMerges());
    ids.forEach(model.putObject("vocab")::put);
    ArrayNode merges = model.putArray("merges");
    for (String merge : metadata.strings("tokenizer.ggml.merges")) {
      int space = merge.indexOf(' ', 1);
      if (space < 0) {
        throw wrong("tokenizer.ggml.merges", "has '" + merge + "', expected two tokens");
      }
      merges.addArray().add(merge.substring(0, space)).add(merge.substring(space + 1));
    }
    return definition(json, words.addsBos());
  }

  private TokenizerDefinition sentencePiece() {
    if (metadata.bool("tokenizer.ggml.remove_extra_whitespaces", false)) {
      throw wrong("tokenizer.ggml.remove_extra_whitespaces", "is true, which is not supported");
    }
    float[] scores = metadata.floats("tokenizer.ggml.scores");
    checkLength("tokenizer.ggml.scores", scores.length);
    Map<String, Integer> pieces = new LinkedHashMap<>();
    ids.forEach(
        (token, id) -> {
          if (types[id] == NORMAL || types[id] == USER_DEFINED) {
            pieces.put(token, id);
          }
        });
    boolean space = metadata.bool("tokenizer.ggml.add_space_prefix", true);
    ObjectNode json = document();
    ArrayNode normalizers =
        json.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
    if (space) {
      normalizers.addObject().put("type", "Prepend").put("prepend", "▁");
    }
    replace(normalizers.addObject(), " ", "▁");
    json.putNull("pre_tokenizer");
    ArrayNode decoders = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
    replace(decoders.addObject(), "▁", " ");
    decoders.addObject().put("type", "ByteFallback");
    decoders.addObject().put("type", "Fuse");
    if (space) {
      decoders.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    }
    ObjectNode model = json.putObject("model").put("type", "BPE");
    int unknown = id("tokenizer.ggml.unknown_token_id");
    model.put("unk_token", unknown < 0 ? null : tokens[unknown]);
    model.put("fuse_unk", true).put("byte_fallback", true);
    ids.forEach(model.putObject("vocab")::put);
    model.set("merges", SentencePieceMerges.json(pieces, scores));
    return definition(json, true);
  }

  private static void replace(ObjectNode node, String from, String to) {
    node.put("type", "Replace").put("content", to).putObject("pattern").put("String", from);
  }

  /** A document with what all kinds share. */
  private ObjectNode document() {
    ObjectNode json = JSON.objectNode().put("version", "1.0");
    ArrayNode added = json.putArray("added_tokens");
    for (int id : ids.values()) {
      if (types[id] == CONTROL || types[id] == UNKNOWN || types[id] == USER_DEFINED) {
        added
            .addObject()
            .put("id", id)
            .put("content", tokens[id])
            .put("single_word", false)
            .put("lstrip", false)
            .put("rstrip", false)
            .put("normalized", false)
            .put("special", types[id] != USER_DEFINED);
      }
    }
    return json;
  }

  private TokenizerDefinition definition(ObjectNode json, boolean addsBos) {
    int bos = id("tokenizer.ggml.bos_token_id");
    int eos = id("tokenizer.ggml.eos_token_id");
    json.set(
        "post_processor",
        PostProcessor.of(
            rule("tokenizer.ggml.add_bos_token", addsBos, "tokenizer.ggml.bos_token_id", bos),
            rule("tokenizer.ggml.add_eos_token", false, "tokenizer.ggml.eos_token_id", eos)));
    Set<Integer> ends = new HashSet<>();
    for (String key : new String[] {"eos", "eot", "eom"}) {
      int id = id("tokenizer.ggml." + key + "_token_id");
      if (id >= 0) {
        ends.add(id);
      }
    }
    Map<String, String> names = new HashMap<>();
    name(names, "bos_token", bos);
    name(names, "eos_token", eos);
    name(names, "unk_token", id("tokenizer.ggml.unknown_token_id"));
    name(names, "pad_token", id("tokenizer.ggml.padding_token_id"));
    String template = metadata.string("tokenizer.chat_template", null);
    return new TokenizerDefinition(metadata.path(), json, bos, ends, template, names);
  }

  private void name(Map<String, String> names, String name, int id) {
    if (id >= 0) {
      names.put(name, tokens[id]);
    }
  }

  /** The token to add if the file's flag, or its default, says so; else null. */
  private PostProcessor.Token rule(String flag, boolean missing, String key, int id) {
    if (!metadata.bool(flag, missing)) {
      return null;
    } else if (id < 0) {
      throw wrong(key, "is missing, but a text is to begin or end with that token");
    }
    return new PostProcessor.Token(id, tokens[id]);
  }

  /** The id under a key, or -1 if it is missing. */
  private int id(String key) {
    if (!metadata.has(key)) {
      return -1;
    }
    long id = metadata.u32(key);
    if (id >= tokens.length) {
      throw wrong(key, "is " + id + ", but there are " + tokens.length + " tokens");
    }
    return (int) id;
  }

  private FormatException wrong(String key, String problem) {
    return new FormatException(metadata.path(), "key " + key + " " + problem);
  }
}
