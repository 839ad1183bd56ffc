package dev.jangle.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.format.FormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads the tokenizer of a folder in Hugging Face's layout, as transformers does: {@code
 * tokenizer.json} (required), {@code tokenizer_config.json}, {@code special_tokens_map.json},
 * {@code config.json} and {@code generation_config.json} (their end tokens), {@code
 * chat_template.jinja}.
 */
final class HuggingFaceTokenizerReader {
  private static final List<String> ROLES =
      List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token");

  /** Names are not interned or hashed by Jackson: a vocabulary has 100,000 of them. */
  static final ObjectMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                  .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /** The largest vocabularies in use make 35 MB. */
  private static final long MAX_BYTES = 256L << 20;

  private final Path folder;
  private final Path file;
  private final ObjectNode json;
  private final JsonNode config;

  private HuggingFaceTokenizerReader(Path folder) throws IOException {
    this.folder = folder;
    this.file = folder.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      throw new NoSuchFileException(
          file.toString(),
          null,
          "does not exist; a folder without tokenizer.json is not supported");
    }
    this.json = object(file);
    this.config = optional("tokenizer_config.json");
  }

  static TokenizerDefinition read(Path folder) throws IOException {
    return new HuggingFaceTokenizerReader(folder).definition();
  }

  private TokenizerDefinition definition() throws IOException {
    Map<String, Integer> added = new HashMap<>();
    for (JsonNode token : json.path("added_tokens")) {
      added.put(token.path("content").asText(), token.path("id").asInt(-1));
    }
    JsonNode map = optional("special_tokens_map.json");
    Map<String, String> names = new HashMap<>();
    Map<String, Integer> ids = new HashMap<>();
    for (String role : ROLES) {
      String token = token(config.has(role) ? config.get(role) : map.path(role));
      if (token != null) {
        names.put(role, token);
        int id = json.path("model").path("vocab").path(token).asInt(-1);
        ids.put(role, added.getOrDefault(token, id));
      }
    }
    if (config.path("add_bos_token").isBoolean() || config.path("add_eos_token").isBoolean()) {
      json.set(
          "post_processor",
          PostProcessor.of(rule("bos_token", names, ids), rule("eos_token", names, ids)));
    }
    return new TokenizerDefinition(
        file, json, ids.getOrDefault("bos_token", -1), ends(ids), template(), names);
  }

  /** The token to add if {@code tokenizer_config.json} has the flag {@code add_ROLE}, else null. */
  private PostProcessor.Token rule(
      String role, Map<String, String> names, Map<String, Integer> ids) {
    if (!config.path("add_" + role).asBoolean(false) || !names.containsKey(role)) {
      return null;
    }
    if (ids.get(role) < 0) {
      throw new FormatException(
          folder.resolve("tokenizer_config.json"),
          "key " + role + " is " + names.get(role) + ", which is not in tokenizer.json");
    }
    return new PostProcessor.Token(ids.get(role), names.get(role));
  }

  /** The text of a token that is written as a string or as an object; null if it is neither. */
  private static String token(JsonNode node) {
    return node.isObject() ? node.path("content").textValue() : node.textValue();
  }

  private Set<Integer> ends(Map<String, Integer> ids) throws IOException {
    Set<Integer> ends = new HashSet<>();
    if (ids.getOrDefault("eos_token", -1) >= 0) {
      ends.add(ids.get("eos_token"));
    }
    for (String name : List.of("config.json", "generation_config.json")) {
      JsonNode eos = optional(name).path("eos_token_id");
      for (JsonNode id : eos.isArray() ? eos : List.of(eos)) {
        if (id.canConvertToInt() && id.isIntegralNumber() && id.intValue() >= 0) {
          ends.add(id.intValue());
        }
      }
    }
    return ends;
  }

  /** The file, else the configuration's template, of several the one named {@code default}. */
  private String template() throws IOException {
    Path jinja = folder.resolve("chat_template.jinja");
    if (Files.isRegularFile(jinja)) {
      return Files.readString(jinja);
    }
    JsonNode template = config.path("chat_template");
    for (JsonNode named : template.isArray() ? template : List.<JsonNode>of()) {
      if (named.path("name").asText().equals("default")) {
        template = named.path("template");
      }
    }
    return template.textValue();
  }

  private JsonNode optional(String name) throws IOException {
    Path path = folder.resolve(name);
    return Files.isRegularFile(path) ? object(path) : MAPPER.createObjectNode();
  }

  private static ObjectNode object(Path path) throws IOException {
    if (Files.size(path) > MAX_BYTES) {
      throw new FormatException(path, "has more than " + MAX_BYTES + " bytes");
    }
    try {
      if (MAPPER.readTree(Files.readAllBytes(path)) instanceof ObjectNode object) {
        return object;
      }
    } catch (JsonProcessingException e) {
      throw new FormatException(path, "is not valid JSON: " + e.getOriginalMessage(), e);
    }
    throw new FormatException(path, "is not a JSON object");
  }
}
