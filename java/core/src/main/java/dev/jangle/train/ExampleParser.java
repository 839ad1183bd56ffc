package dev.jangle.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.jangle.text.ChatMessage;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads one JSON object in any of the forms that data sets come in, told apart by their keys:
 *
 * <ul>
 *   <li>{@code messages}: {@code [{"role", "content"}, ...]}, as OpenAI has it
 *   <li>{@code conversations}: {@code [{"from", "value"}, ...]}, as ShareGPT has it; {@code human}
 *       is the user, {@code gpt} the assistant
 *   <li>{@code instruction}, {@code output} and perhaps {@code input}, as Alpaca has it
 *   <li>{@code text}
 * </ul>
 */
final class ExampleParser {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  /** Says what is wrong with a line. */
  static final class BadExample extends Exception {
    private static final long serialVersionUID = 1L;

    BadExample(String reason) {
      super(reason);
    }
  }

  private ExampleParser() {}

  static Example parse(String origin, String line) throws BadExample {
    JsonNode node;
    try {
      node = MAPPER.readTree(line);
    } catch (JsonProcessingException e) {
      throw new BadExample("is not JSON: " + e.getOriginalMessage());
    }
    if (!node.isObject()) {
      throw new BadExample("is not a JSON object");
    }
    if (node.has("messages")) {
      return new Example(origin, conversation(node, "messages", "role", "content"));
    }
    if (node.has("conversations")) {
      return new Example(origin, conversation(node, "conversations", "from", "value"));
    }
    if (node.has("instruction")) {
      return new Example(origin, alpaca(node));
    }
    if (node.has("text")) {
      return new Example(origin, List.of(new ChatMessage(Example.TEXT, filled(node, "text"))));
    }
    throw new BadExample(
        "has none of the keys messages, conversations, instruction and text; expected one");
  }

  private static List<ChatMessage> conversation(
      JsonNode node, String list, String role, String content) throws BadExample {
    if (!node.get(list).isArray()) {
      throw new BadExample(list + " is not a list");
    }
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode message : node.get(list)) {
      String name = list + "[" + messages.size() + "]";
      messages.add(
          new ChatMessage(roleOf(text(message, name, role)), text(message, name, content)));
    }
    while (!messages.isEmpty() && !isAnswer(messages.get(messages.size() - 1))) {
      messages.remove(messages.size() - 1); // a question without an answer teaches nothing
    }
    if (messages.isEmpty()) {
      throw new BadExample("has no answer: no message of the assistant");
    }
    for (int i = 0; i < messages.size(); i++) {
      if (isAnswer(messages.get(i)) && messages.get(i).content().isBlank()) {
        throw new BadExample(list + "[" + i + "]: the answer is empty");
      }
    }
    return messages;
  }

  private static boolean isAnswer(ChatMessage message) {
    return message.role().equals("assistant");
  }

  private static String roleOf(String role) {
    return switch (role) {
      case "human" -> "user";
      case "gpt", "model", "bot" -> "assistant";
      default -> role;
    };
  }

  private static List<ChatMessage> alpaca(JsonNode node) throws BadExample {
    String question = filled(node, "instruction");
    String input = node.path("input").asText("");
    if (!input.isBlank()) {
      question += "\n\n" + input;
    }
    return List.of(
        new ChatMessage("user", question), new ChatMessage("assistant", filled(node, "output")));
  }

  private static String filled(JsonNode node, String key) throws BadExample {
    String value = text(node, "", key);
    if (value.isBlank()) {
      throw new BadExample(key + " is empty");
    }
    return value;
  }

  private static String text(JsonNode node, String where, String key) throws BadExample {
    JsonNode value = node.path(key);
    if (!value.isTextual()) {
      String name = where.isEmpty() ? key : where + "." + key;
      throw new BadExample(name + (value.isMissingNode() ? " is missing" : " is not a text"));
    }
    return value.asText();
  }
}
