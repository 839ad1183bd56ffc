package dev.jangle.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/** Reads the files that the scripts under tests/fixtures/text write. */
final class Fixtures {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private Fixtures() {}

  /** The bytes of a resource under {@code /text}, unpacked if its name ends in {@code .gz}. */
  static byte[] bytes(String name) throws IOException {
    try (InputStream in = Fixtures.class.getResourceAsStream("/text/" + name)) {
      if (in == null) {
        throw new IOException("no test resource /text/" + name);
      }
      return (name.endsWith(".gz") ? new GZIPInputStream(in) : in).readAllBytes();
    }
  }

  static String text(String name) throws IOException {
    return new String(bytes(name), StandardCharsets.UTF_8);
  }

  /** The objects of a file that has one per line. */
  static List<JsonNode> rows(String name) throws IOException {
    List<JsonNode> rows = new ArrayList<>();
    for (String line : text(name).lines().toList()) {
      rows.add(MAPPER.readTree(line));
    }
    return rows;
  }

  /** A conversation: pairs of role and content. */
  static List<ChatMessage> messages(JsonNode pairs) {
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode pair : pairs) {
      messages.add(new ChatMessage(pair.get(0).textValue(), pair.get(1).textValue()));
    }
    return messages;
  }

  static int[] ints(JsonNode array) {
    int[] ints = new int[array.size()];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = array.get(i).intValue();
    }
    return ints;
  }
}
