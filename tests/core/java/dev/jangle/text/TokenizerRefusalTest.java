package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.format.FormatException;
import dev.jangle.format.TokenizerSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is damaged or not supported is refused, with its name. */
final class TokenizerRefusalTest {
  @TempDir private Path temporary;

  @ParameterizedTest
  @CsvSource({
    "smollm, smollm, smollx, 'tokenizer.ggml.pre is ''smollx''', 'gpt-2, smollm, llama-bpe'",
    "smollm, gpt2, t5xx, 'tokenizer.ggml.model is ''t5xx''', 'supported: gpt2, llama'",
    "llama, tokenizer.ggml.scores, tokenizer.ggml.scoreX, tokenizer.ggml.scores, no key"
  })
  void unknownVocabulariesAreNamed(String name, String from, String to, String first, String second)
      throws IOException {
    Path file = TokenizerFiles.patched(TokenizerFiles.gguf(temporary, name), from, to);
    FormatException e = assertThrows(FormatException.class, () -> TokenizerFiles.openGguf(file));
    assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
    assertTrue(e.getMessage().contains(first), e.getMessage());
    assertTrue(e.getMessage().contains(second), e.getMessage());
  }

  @Test
  void aMergeOfOneTokenIsRefused() throws IOException {
    Path file = TokenizerFiles.gguf(temporary, "smollm");
    TokenizerFiles.patched(file, "h e", "hxe");
    FormatException e = assertThrows(FormatException.class, () -> TokenizerFiles.openGguf(file));
    assertTrue(e.getMessage().contains("expected two tokens"), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "\"BPE\";\"Unigram\";model.type is 'Unigram'",
        "\"Fuse\";\"Other\";Replace, ByteFallback, Other, Strip",
        "\"decoder\";\"nothing\";key decoder is missing",
        "\"merges\":[;\"merges\":[[\"zzz\",\"yyy\"],;not accepted by the tokenizers library",
        "\"id\":0;\"id\":-7;has the id -7",
        "\"id\":0;\"id\":4000000000;has the id 4000000000",
        "\"version\";{\"version\";not valid JSON"
      })
  void damagedFilesAreNamed(String from, String to, String words) throws IOException {
    Path folder = TokenizerFiles.folder(temporary, "llama");
    Path file = folder.resolve("tokenizer.json");
    String json = Files.readString(file);
    assertTrue(json.contains(from), from);
    Files.writeString(file, json.replace(from, to));
    FormatException e =
        assertThrows(
            FormatException.class, () -> Tokenizer.open(new TokenizerSource.HuggingFace(folder)));
    assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
    assertTrue(e.getMessage().contains(words), e.getMessage());
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    Path folder = TokenizerFiles.folder(temporary, "gpt-2");
    Path file = folder.resolve("tokenizer.json");
    byte[] json = Files.readAllBytes(file);
    for (int length = 0; length < json.length - 1; length += 997) {
      int cut = length;
      Files.write(file, Arrays.copyOf(json, cut));
      assertThrows(
          FormatException.class,
          () -> Tokenizer.open(new TokenizerSource.HuggingFace(folder)),
          () -> "cut at " + cut);
    }
  }

  @Test
  void aJsonArrayIsRefused() throws IOException {
    Files.writeString(temporary.resolve("tokenizer.json"), "[1]");
    FormatException e =
        assertThrows(
            FormatException.class,
            () -> Tokenizer.open(new TokenizerSource.HuggingFace(temporary)));
    assertTrue(e.getMessage().contains("is not a JSON object"), e.getMessage());
  }

  @Test
  void aMissingFileIsNamed() {
    NoSuchFileException e =
        assertThrows(
            NoSuchFileException.class,
            () -> Tokenizer.open(new TokenizerSource.HuggingFace(temporary)));
    assertTrue(e.getMessage().contains("tokenizer.json"), e.getMessage());
  }

  @Test
  void noChatTemplateIsSaid() throws IOException {
    Path folder = TokenizerFiles.folder(temporary, "smollm");
    Files.delete(folder.resolve("tokenizer_config.json"));
    try (Tokenizer tokenizer = Tokenizer.open(new TokenizerSource.HuggingFace(folder))) {
      assertTrue(tokenizer.chatTemplate().isEmpty());
      IllegalStateException e =
          assertThrows(
              IllegalStateException.class,
              () -> tokenizer.encodeChat(List.of(new ChatMessage("user", "a")), true));
      assertTrue(e.getMessage().contains("no chat template"), e.getMessage());
    }
  }

  /** A template that is not supported does not keep the tokenizer from opening. */
  @Test
  void aTemplateOfItsOwnFileWins() throws IOException {
    Path folder = TokenizerFiles.folder(temporary, "smollm");
    Files.writeString(folder.resolve("chat_template.jinja"), "{% include 'x' %}");
    try (Tokenizer tokenizer = Tokenizer.open(new TokenizerSource.HuggingFace(folder))) {
      assertThrows(TemplateException.class, tokenizer::chatTemplate);
      assertEquals("a", tokenizer.decode(tokenizer.encode("a", false, true), false));
    }
  }
}
