package dev.jangle.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A tiny model that takes conversations: a fixture with a chat template written into it. */
final class ChatModel {
  /** GGUF's alignment; as long a piece of metadata leaves the tensors where they belong. */
  private static final int ALIGNMENT = 32;

  private static final int COUNT_AT = 16;
  private static final int STRING = 8;
  private static final String TEMPLATE =
      "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
          + "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}"
          + "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

  private ChatModel() {}

  /** Writes the model to a folder; returns its path. */
  static String write(Path folder) throws IOException {
    Path fixture =
        Path.of(
            System.getProperty("jangle.root"), "tests/core/resources/models/gguf_q8_0/model.gguf");
    ByteBuffer source = ByteBuffer.wrap(Files.readAllBytes(fixture)).order(ByteOrder.LITTLE_ENDIAN);
    source.putLong(COUNT_AT, source.getLong(COUNT_AT) + 1);
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    model.write(source.array(), 0, COUNT_AT + Long.BYTES);
    model.write(metadata());
    int rest = COUNT_AT + Long.BYTES;
    model.write(source.array(), rest, source.capacity() - rest);
    return Files.write(folder.resolve("chat.gguf"), model.toByteArray()).toString();
  }

  private static byte[] metadata() {
    byte[] key = "tokenizer.chat_template".getBytes(StandardCharsets.UTF_8);
    int bytes = 2 * Long.BYTES + Integer.BYTES + key.length + TEMPLATE.length();
    byte[] template =
        (TEMPLATE + "{#" + " ".repeat(ALIGNMENT - bytes % ALIGNMENT + ALIGNMENT - 4) + "#}")
            .getBytes(StandardCharsets.UTF_8);
    ByteBuffer entry =
        ByteBuffer.allocate(2 * Long.BYTES + Integer.BYTES + key.length + template.length)
            .order(ByteOrder.LITTLE_ENDIAN);
    entry.putLong(key.length).put(key).putInt(STRING).putLong(template.length).put(template);
    return entry.array();
  }
}
