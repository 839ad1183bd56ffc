package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * SmolLM2's real vocabulary, from the GGUF file that {@code jangle pull} downloads: the system
 * property {@code jangle.test.smollm2}, else a file in Jangle's cache folder.
 */
final class SmolLm2TokenizerTest {
  @Test
  void agreesWithTransformers() throws IOException {
    Optional<Path> file = model();
    if (file.isEmpty()) {
      String missing =
          "skipped: no SmolLM2 in "
              + cache()
              + "; run 'jangle pull smollm2', or set -Djangle.test.smollm2=FILE.gguf";
      System.out.println(missing);
      assumeTrue(false, missing);
    }
    String[] strings = TokenizerFiles.strings();
    List<JsonNode> rows = Fixtures.rows("tokenizers/smollm2.jsonl.gz");
    try (Tokenizer tokenizer = TokenizerFiles.openGguf(file.get())) {
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

  private static Optional<Path> model() throws IOException {
    String given = System.getProperty("jangle.test.smollm2");
    if (given != null) {
      return Optional.of(Path.of(given));
    }
    if (!Files.isDirectory(cache())) {
      return Optional.empty();
    }
    try (Stream<Path> files = Files.walk(cache(), 5)) {
      return files
          .filter(
              path ->
                  path.getFileName()
                      .toString()
                      .toLowerCase(Locale.ROOT)
                      .matches("smollm2-135m-instruct.*\\.gguf"))
          .findFirst();
    }
  }

  private static Path cache() {
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path base =
        xdg != null && !xdg.isEmpty()
            ? Path.of(xdg)
            : Path.of(System.getProperty("user.home"), ".cache");
    return base.resolve("jangle");
  }
}
