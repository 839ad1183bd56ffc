package dev.jangle.format;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * An object of a JSON file, with getters that throw {@link FormatException} naming file and key. A
 * key that is null counts as absent. Repeated keys are refused; nesting and the length of names and
 * numbers have Jackson's limits.
 */
final class Json {
  /** Names are not interned: they come from files that are not trusted. */
  static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .build();

  private static final ObjectMapper MAPPER =
      JsonMapper.builder(FACTORY).enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  /** Files that are read as a tree; real ones have a few kB. */
  private static final int MAX_TREE_BYTES = 1 << 20;

  private final Path path;
  private final JsonNode node;
  private final String prefix;

  private Json(Path path, JsonNode node, String prefix) {
    this.path = path;
    this.node = node;
    this.prefix = prefix;
  }

  /** Reads a file of at most 1 MiB whose value is an object. */
  static Json read(Path path) throws IOException {
    byte[] bytes = readBytes(path, MAX_TREE_BYTES);
    JsonNode node;
    try {
      node = MAPPER.readTree(bytes);
    } catch (IOException e) {
      throw notJson(path, e);
    }
    if (!node.isObject()) {
      throw new FormatException(path, "is not a JSON object");
    }
    return new Json(path, node, "");
  }

  /** All bytes of a regular file that may have at most this many. */
  static byte[] readBytes(Path path, int most) throws IOException {
    if (!Files.isRegularFile(path)) {
      throw new NoSuchFileException(
          path.toString(), null, "does not exist, or is not a regular file");
    }
    byte[] bytes;
    try (InputStream in = Files.newInputStream(path)) {
      bytes = in.readNBytes(most + 1);
    } catch (AccessDeniedException e) {
      throw new IOException(path + ": may not be read; check its permissions", e);
    }
    if (bytes.length > most) {
      throw new FormatException(path, "has more than " + most + " bytes, which is not plausible");
    }
    if (bytes.length == 0) {
      throw new FormatException(path, "is empty; download it again");
    }
    return bytes;
  }

  /** A parser's complaint, with the place but without the source. */
  static FormatException notJson(Path path, IOException e) {
    String message = e.getMessage();
    if (e instanceof JsonProcessingException json) {
      message = json.getOriginalMessage();
      if (json.getLocation() != null) {
        message +=
            " (line "
                + json.getLocation().getLineNr()
                + ", column "
                + json.getLocation().getColumnNr()
                + ")";
      }
    }
    return new FormatException(path, "is not valid JSON: " + message, e);
  }

  /** Throws unless the parser is at the end of its input. */
  static void expectEnd(Path path, JsonParser parser) throws IOException {
    if (parser.nextToken() != null) {
      throw new FormatException(path, "has text after the end of its JSON object");
    }
  }

  Path path() {
    return path;
  }

  /** An exception that names file and key. */
  FormatException wrong(String key, String problem) {
    return new FormatException(path, "key " + prefix + key + " " + problem);
  }

  /** Whether the key is there and not null. */
  boolean has(String key) {
    return node.hasNonNull(key);
  }

  /** Whether the key is there, be it null. */
  boolean mentions(String key) {
    return node.has(key);
  }

  /** Whether the key is there and asks for something: not null, false or empty. */
  boolean asks(String key) {
    JsonNode value = node.path(key);
    boolean empty = value.isContainerNode() ? value.isEmpty() : value.asText().isEmpty();
    return has(key) && !empty && !(value.isBoolean() && !value.booleanValue());
  }

  boolean isText(String key) {
    return node.path(key).isTextual();
  }

  /** A string, number or boolean as text. */
  String text(String key, String missing) {
    return has(key) && node.get(key).isValueNode() ? node.get(key).asText() : missing;
  }

  Iterable<String> keys() {
    return node::fieldNames;
  }

  String string(String key, String missing) {
    return has(key) ? expect(key, node.get(key).isTextual(), "a string").textValue() : missing;
  }

  boolean bool(String key, boolean missing) {
    return has(key)
        ? expect(key, node.get(key).isBoolean(), "true or false").booleanValue()
        : missing;
  }

  /** A required integer of 32 bits. */
  int integer(String key) {
    JsonNode value = node.get(key);
    if (value == null || value.isNull()) {
      throw wrong(key, "is missing, expected an integer");
    }
    return integer(key, value);
  }

  int integer(String key, int missing) {
    return has(key) ? integer(key, node.get(key)) : missing;
  }

  double number(String key, double missing) {
    return has(key) ? expect(key, node.get(key).isNumber(), "a number").doubleValue() : missing;
  }

  /** An integer, or an array of them; empty where absent. */
  int[] integers(String key) {
    if (!has(key)) {
      return new int[0];
    }
    JsonNode value = node.get(key);
    if (!value.isArray()) {
      return new int[] {integer(key, value)};
    }
    int[] integers = new int[value.size()];
    for (int i = 0; i < integers.length; i++) {
      integers[i] = integer(key, value.get(i));
    }
    return integers;
  }

  /** An array of strings; empty where absent. */
  String[] strings(String key) {
    if (!has(key)) {
      return new String[0];
    }
    JsonNode value = expect(key, node.get(key).isArray(), "an array of strings");
    String[] strings = new String[value.size()];
    for (int i = 0; i < strings.length; i++) {
      strings[i] = value.get(i).textValue();
      if (strings[i] == null) {
        throw wrong(key, "is not an array of strings");
      }
    }
    return strings;
  }

  /** An object that is there. */
  Json object(String key) {
    return new Json(path, expect(key, node.get(key).isObject(), "an object"), prefix + key + ".");
  }

  private int integer(String key, JsonNode value) {
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw wrong(key, "is " + shortened(value) + ", expected an integer of 32 bits");
    }
    return value.intValue();
  }

  private JsonNode expect(String key, boolean ok, String expected) {
    if (!ok) {
      throw wrong(key, "is " + shortened(node.get(key)) + ", expected " + expected);
    }
    return node.get(key);
  }

  private static String shortened(JsonNode value) {
    if (value.isContainerNode()) {
      return value.isArray() ? "an array" : "an object";
    }
    String text = value.toString();
    return text.length() <= 40 ? text : text.substring(0, 40) + "...";
  }
}
