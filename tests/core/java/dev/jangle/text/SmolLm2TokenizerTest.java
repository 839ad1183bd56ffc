package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import dev.jangle.SmolLm2;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** SmolLM2's real vocabulary, from its GGUF file. */
final class SmolLm2TokenizerTest {
  @Test
  void agreesWithTransformers() throws IOException {
    Path file = SmolLm2.fileOrSkip();
    String[] strings = TokenizerFiles.strings();
    List<JsonNode> rows = Fixtures.rows("tokenizers/smollm2.jsonl.gz");
    try (Tokenizer tokenizer = TokenizerFiles.openGguf(file)) {
      assertEquals(49_152, tokenizer.vocabSize());
      assertEquals(1, tokenizer.bos().getAsInt());
      assertEquals(Set.of(0, 2), tokenizer.endTokens());
      assertArrayEquals(new int[0], tokenizer.encode("", true, true));
      for (int i = 0; i < strings.length; i++) {
        Expected.check(tokenizer, strings[i], rows.get(i));
      }
      ChatTemplate template = tokenizer.chatTemplate().orElseThrow();
      assertEquals(Fixtures.text("templates/smollm2.jinja"), template.source());
    }
  }
}
