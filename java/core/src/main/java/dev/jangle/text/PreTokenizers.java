package dev.jangle.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.format.FormatException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.StringJoiner;

/**
 * How byte-level BPE splits a text into words, and what it does before: the parts of each model
 * family's {@code tokenizer.json} that a GGUF file only names ({@code tokenizer.ggml.pre}).
 */
enum PreTokenizers {
  /** GPT-2. */
  GPT_2("gpt-2"),

  /** SmolLM and SmolLM2: each digit alone, then as GPT-2. */
  SMOLLM("smollm"),

  /** Llama 3: up to three digits; a word that is in the vocabulary is one token. */
  LLAMA_3("llama-bpe,llama3,llama-v3"),

  /** Qwen 2, 2.5 and 3: each digit alone, NFC. */
  QWEN_2("qwen2,deepseek-r1-qwen");

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private static final String WORDS =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}%s"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /** Its names in GGUF files, with commas between. */
  private final String names;

  PreTokenizers(String names) {
    this.names = names;
  }

  /** The one that a GGUF file names; others are refused. */
  static PreTokenizers named(Path file, String name) {
    StringJoiner supported = new StringJoiner(", ");
    for (PreTokenizers one : values()) {
      for (String supportedName : List.of(one.names.split(",", -1))) {
        if (supportedName.equals(name)) {
          return one;
        }
        supported.add(supportedName);
      }
    }
    throw new FormatException(
        file,
        "key tokenizer.ggml.pre is '"
            + name
            + "', a pre-tokenizer that is not supported; supported: "
            + supported);
  }

  /**
   * The one that a {@code tokenizer.json} spells out, if any.
   *
   * @param document with byte-level BPE
   */
  static Optional<PreTokenizers> of(JsonNode document) {
    List<JsonNode> steps = steps(document.path("pre_tokenizer"));
    JsonNode normalizer = document.path("normalizer");
    boolean whole = document.path("model").path("ignore_merges").asBoolean(false);
    for (PreTokenizers one : values()) {
      JsonNode expected = one.normalizer();
      boolean normalized = expected == null ? !normalizer.isObject() : normalizer.equals(expected);
      if (normalized && steps.equals(steps(one.json())) && whole == one.ignoresMerges()) {
        return Optional.of(one);
      }
    }
    return Optional.empty();
  }

  /** The steps without what does not change the ids. */
  private static List<JsonNode> steps(JsonNode node) {
    if (node.path("type").asText().equals("Sequence")) {
      List<JsonNode> steps = new ArrayList<>();
      node.path("pretokenizers").forEach(step -> steps.addAll(steps(step)));
      return steps;
    }
    if (node instanceof ObjectNode step) {
      ObjectNode copy = step.deepCopy();
      copy.remove("trim_offsets");
      if (copy.path("type").asText().equals("ByteLevel") && !copy.has("use_regex")) {
        copy.put("use_regex", true);
      }
      return List.of(copy);
    }
    return List.of();
  }

  /** Its first name in GGUF files. */
  String ggufName() {
    return names.split(",", -1)[0];
  }

  /** Whether a whole word that is in the vocabulary is taken without looking at merges. */
  boolean ignoresMerges() {
    return this == LLAMA_3;
  }

  /** Whether BOS is added where the file does not say. */
  boolean addsBos() {
    return this == LLAMA_3;
  }

  /** Null for none. */
  ObjectNode normalizer() {
    return this == QWEN_2 ? JSON.objectNode().put("type", "NFC") : null;
  }

  ObjectNode json() {
    ObjectNode node = JSON.objectNode().put("type", "Sequence");
    ArrayNode sequence = node.putArray("pretokenizers");
    switch (this) {
      case GPT_2 -> {}
      case SMOLLM -> sequence.addObject().put("type", "Digits").put("individual_digits", true);
      case LLAMA_3 -> split(sequence, WORDS.formatted("{1,3}"));
      case QWEN_2 -> split(sequence, WORDS.formatted(""));
    }
    sequence.add(byteLevel(this == GPT_2 || this == SMOLLM));
    return node;
  }

  private static void split(ArrayNode sequence, String regex) {
    ObjectNode split = sequence.addObject().put("type", "Split");
    split.putObject("pattern").put("Regex", regex);
    split.put("behavior", "Isolated").put("invert", false);
  }

  /** {@code splits}: at GPT-2's own words. */
  static ObjectNode byteLevel(boolean splits) {
    return JSON.objectNode()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", splits);
  }
}
