package dev.jangle.text;

import com.fasterxml.jackson.databind.JsonNode;
import dev.jangle.format.FormatException;
import dev.jangle.format.GgufWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Turns a {@code tokenizer.json} into the keys of a GGUF file, as llama.cpp's converter does: the
 * opposite of {@link GgufTokenizerReader}. SentencePiece's scores are made from the order of the
 * merges, of which they came: the earlier a piece is merged, the higher its score.
 */
final class GgufVocabulary {
  private static final String PREFIX = "tokenizer.ggml.";

  /** Values of {@code tokenizer.ggml.token_type}. */
  private static final int NORMAL = 1;

  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;
  private static final int UNUSED = 5;
  private static final int BYTE = 6;

  private final TokenizerDefinition tokenizer;
  private final JsonNode json;
  private final GgufWriter writer;
  private final String[] tokens;
  private final int[] types;
  private final Map<String, Integer> ids = new HashMap<>();

  private GgufVocabulary(TokenizerDefinition tokenizer, int vocabSize, GgufWriter writer) {
    this.tokenizer = tokenizer;
    this.json = tokenizer.json();
    this.writer = writer;
    this.tokens = new String[vocabSize];
    this.types = new int[vocabSize];
  }

  /**
   * Puts the keys.
   *
   * @param vocabSize rows of the embedding: missing tokens are made up
   * @param frame the ids of an empty text, which shows whether BOS and EOS are added
   */
  static void put(TokenizerDefinition tokenizer, int vocabSize, int[] frame, GgufWriter writer) {
    new GgufVocabulary(tokenizer, vocabSize, writer).put(frame);
  }

  private void put(int[] frame) {
    readTokens();
    if (json.path("decoder").path("type").asText().equals("ByteLevel")) {
      byteLevel();
    } else {
      sentencePiece();
    }
    writer.strings(PREFIX + "tokens", Arrays.asList(tokens)).ints(PREFIX + "token_type", types);
    int eos = ids.getOrDefault(tokenizer.names().getOrDefault("eos_token", ""), -1);
    id("bos", tokenizer.bos());
    id("eos", eos);
    id("unknown", ids.getOrDefault(tokenizer.names().getOrDefault("unk_token", ""), -1));
    id("padding", ids.getOrDefault(tokenizer.names().getOrDefault("pad_token", ""), -1));
    otherEnds(eos);
    boolean begins = frame.length > 0 && frame[0] == tokenizer.bos();
    boolean ends = frame.length > (begins ? 1 : 0) && frame[frame.length - 1] == eos;
    writer.bool(PREFIX + "add_bos_token", begins).bool(PREFIX + "add_eos_token", ends);
    if (tokenizer.template() != null) {
      writer.string("tokenizer.chat_template", tokenizer.template());
    }
  }

  private void readTokens() {
    for (Map.Entry<String, JsonNode> entry : json.path("model").path("vocab").properties()) {
      token(entry.getValue().asInt(-1), entry.getKey(), NORMAL);
    }
    for (JsonNode added : json.path("added_tokens")) {
      int type = added.path("special").asBoolean() ? CONTROL : USER_DEFINED;
      token(added.path("id").asInt(-1), added.path("content").asText(), type);
    }
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id] == null) {
        tokens[id] = "[PAD" + id + "]";
        types[id] = UNUSED;
      }
    }
  }

  private void token(int id, String text, int type) {
    if (id < 0 || id >= tokens.length) {
      throw wrong(
          "the token '" + text + "' has the id " + id + ", but the model has " + tokens.length);
    }
    tokens[id] = text;
    types[id] = type;
    ids.put(text, id);
  }

  private void id(String name, int id) {
    if (id >= 0) {
      writer.u32(PREFIX + name + "_token_id", id);
    }
  }

  /** llama.cpp has two more names for ends, and knows some tokens by their text. */
  private void otherEnds(int eos) {
    TreeSet<Integer> others = new TreeSet<>(tokenizer.ends());
    others.removeIf(id -> id == eos || id >= tokens.length);
    if (others.size() > 2) {
      others.removeIf(id -> Tokenizer.END_NAMES.contains(tokens[id]));
    }
    String[] names = {"eot", "eom"};
    if (others.size() > names.length) {
      throw wrong("has more end tokens than GGUF has keys for: " + others);
    }
    for (String name : names) {
      if (!others.isEmpty()) {
        id(name, others.pollFirst());
      }
    }
  }

  private void byteLevel() {
    PreTokenizers words =
        PreTokenizers.of(json)
            .orElseThrow(
                () ->
                    wrong("splits text into words in a way that GGUF, or Jangle, has no name for"));
    writer.string(PREFIX + "model", "gpt2").string(PREFIX + "pre", words.ggufName());
    writer.strings(
        PREFIX + "merges",
        merges().stream().map(merge -> merge.left() + " " + merge.right()).toList());
  }

  private record Merge(String left, String right) {}

  private List<Merge> merges() {
    List<Merge> merges = new ArrayList<>();
    for (JsonNode merge : json.path("model").path("merges")) {
      int space = merge.asText().indexOf(' ');
      merges.add(
          merge.isTextual()
              ? new Merge(merge.asText().substring(0, space), merge.asText().substring(space + 1))
              : new Merge(merge.path(0).asText(), merge.path(1).asText()));
    }
    return merges;
  }

  private void sentencePiece() {
    boolean space = addsSpace();
    float[] scores = new float[tokens.length];
    int rank = 0;
    for (Merge merge : merges()) {
      Integer id = ids.get(merge.left() + merge.right());
      if (id != null && scores[id] == 0) {
        scores[id] = --rank;
      }
    }
    String unknown = json.path("model").path("unk_token").asText();
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id].equals(unknown)) {
        types[id] = UNKNOWN;
      } else if (types[id] == NORMAL && TokenTable.BYTE.matcher(tokens[id]).matches()) {
        types[id] = BYTE;
      } else if (types[id] == NORMAL && scores[id] == 0) {
        scores[id] = rank - 1; // a single character: after all that are merged
      }
    }
    writer.string(PREFIX + "model", "llama").string(PREFIX + "pre", "default");
    writer.floats(PREFIX + "scores", scores).bool(PREFIX + "add_space_prefix", space);
  }

  /** Whether a space is put before a text; other ways to prepare it are refused. */
  private boolean addsSpace() {
    List<String> steps = new ArrayList<>();
    JsonNode normalizer = json.path("normalizer");
    for (JsonNode step :
        normalizer.has("normalizers") ? normalizer.path("normalizers") : List.of(normalizer)) {
      JsonNode from = step.path("pattern").path("String");
      steps.add(
          step.path("type").asText()
              + step.path("prepend").asText()
              + from.asText()
              + step.path("content").asText());
    }
    boolean plain = !json.path("pre_tokenizer").isObject();
    if (plain && steps.equals(List.of("Prepend▁", "Replace ▁"))) {
      return true;
    }
    if (plain && steps.equals(List.of("Replace ▁"))) {
      return false;
    }
    throw wrong(
        "prepares text in a way that GGUF has no name for; supported: byte-level BPE, and"
            + " SentencePiece BPE whose normalizer prepends and replaces spaces by ▁");
  }

  private FormatException wrong(String problem) {
    return new FormatException(tokenizer.file(), problem);
  }
}
