package dev.jangle.text;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Makes the part of a {@code tokenizer.json} that adds BOS and EOS. */
final class PostProcessor {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  /** A token to add. */
  record Token(int id, String text) {}

  private PostProcessor() {}

  /** Adds these tokens around a text; null for none. */
  static ObjectNode of(Token bos, Token eos) {
    ObjectNode node = JSON.objectNode();
    node.put("type", "TemplateProcessing");
    ArrayNode single = node.putArray("single");
    ArrayNode pair = node.putArray("pair");
    ObjectNode special = node.putObject("special_tokens");
    add(bos, single, special);
    single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    add(eos, single, special);
    pair.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    pair.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
    return node;
  }

  private static void add(Token token, ArrayNode sequence, ObjectNode special) {
    if (token != null) {
      sequence.addObject().putObject("SpecialToken").put("id", token.text()).put("type_id", 0);
      ObjectNode definition = special.putObject(token.text());
      definition.put("id", token.text());
      definition.putArray("ids").add(token.id());
      definition.putArray("tokens").add(token.text());
    }
  }
}
