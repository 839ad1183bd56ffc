package dev.jangle.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.jangle.cli.term.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** Options of a command from a JSON object under their names; those on the command line win. */
final class TrainConfig {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final String origin;

  private TrainConfig(String origin) {
    this.origin = origin;
  }

  /**
   * Sets the options that the command line has not set.
   *
   * @throws Failure where the file has another option, or a value of the wrong kind
   */
  static void apply(Path file, CommandSpec spec) throws IOException {
    apply(file.toString(), object(file), spec);
  }

  /**
   * As {@link #apply(Path, CommandSpec)}.
   *
   * @param origin of the object, for messages
   */
  static void apply(String origin, JsonNode object, CommandSpec spec) {
    new TrainConfig(origin).apply(object, spec);
  }

  private void apply(JsonNode object, CommandSpec spec) {
    ParseResult given = spec.commandLine().getParseResult();
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      OptionSpec option = spec.optionsMap().get("--" + entry.getKey());
      if (option == null || entry.getKey().equals("config") || option.usageHelp()) {
        throw new Failure(
            origin + ": " + entry.getKey() + " is no option; see jangle train --help");
      }
      Object value = value(entry.getKey(), option, entry.getValue());
      if (!given.hasMatchedOption(option)) {
        option.setValue(value);
      }
    }
  }

  private static JsonNode object(Path file) throws IOException {
    JsonNode node;
    try {
      node = MAPPER.readTree(Files.readString(file));
    } catch (JsonProcessingException e) {
      throw new Failure(file + ": is not JSON: " + e.getOriginalMessage(), e);
    }
    if (!node.isObject()) {
      throw new Failure(file + ": is not a JSON object");
    }
    return node;
  }

  private Object value(String name, OptionSpec option, JsonNode node) {
    Class<?> type = option.type();
    if (List.class.isAssignableFrom(type)) {
      return paths(name, node);
    }
    if (type == boolean.class) {
      require(node.isBoolean(), name, node, "true or false");
      return node.booleanValue();
    }
    if (type == int.class || type == Integer.class) {
      require(node.canConvertToInt() && node.isIntegralNumber(), name, node, "an integer");
      return node.intValue();
    }
    if (type == long.class) {
      require(node.canConvertToLong() && node.isIntegralNumber(), name, node, "an integer");
      return node.longValue();
    }
    if (type == double.class || type == Double.class) {
      require(node.isNumber(), name, node, "a number");
      return node.doubleValue();
    }
    require(node.isTextual(), name, node, "a text");
    if (type == Path.class) {
      return Path.of(node.textValue());
    }
    return type.isEnum() ? constant(name, type, node) : node.textValue();
  }

  private List<Path> paths(String name, JsonNode node) {
    require(node.isArray() && !node.isEmpty(), name, node, "a list of file names");
    List<Path> paths = new ArrayList<>();
    for (JsonNode path : node) {
      require(path.isTextual(), name, node, "a list of file names");
      Path file = Path.of(path.textValue());
      require(!Files.isDirectory(file), name, node, "files, not a folder");
      paths.add(file);
    }
    return paths;
  }

  private Object constant(String name, Class<?> type, JsonNode node) {
    List<String> names = new ArrayList<>();
    for (Object constant : type.getEnumConstants()) {
      String text = constant.toString().toLowerCase(Locale.ROOT);
      if (text.equals(node.textValue().toLowerCase(Locale.ROOT))) {
        return constant;
      }
      names.add(text);
    }
    throw wrong(name, node, "one of " + String.join(", ", names));
  }

  private void require(boolean holds, String name, JsonNode node, String expected) {
    if (!holds) {
      throw wrong(name, node, expected);
    }
  }

  private Failure wrong(String name, JsonNode node, String expected) {
    return new Failure("%s: %s is %s; expected %s".formatted(origin, name, node, expected));
  }
}
