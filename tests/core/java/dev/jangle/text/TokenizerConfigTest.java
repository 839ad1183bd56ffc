package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.format.TokenizerSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the files beside the vocabulary say: BOS and EOS, end tokens, the chat template. */
final class TokenizerConfigTest {
  @TempDir private Path temporary;

  /** As in transformers, the flags replace what tokenizer.json says. */
  @Test
  void flagsDecideOnBosAndEos() throws IOException {
    assertArrayEquals(
        new int[] {1, 0, 2},
        frame(
            "smollm",
            "{'bos_token': {'content': '<|im_start|>'}, 'eos_token': '<|im_end|>',"
                + " 'add_bos_token': true, 'add_eos_token': true}"));
    assertArrayEquals(
        new int[] {0, 2}, frame("llama", "{'eos_token': '</s>', 'add_eos_token': true}"));
    assertArrayEquals(
        new int[] {0}, frame("llama", "{'bos_token': '<s>', 'add_bos_token': false}"));
    assertArrayEquals(new int[] {1, 0}, frame("llama", "{'bos_token': '<s>'}"));
    assertArrayEquals(new int[] {0}, frame("smollm", "{'add_bos_token': true}"));
  }

  /** Ids of the first token's text, with BOS and EOS. */
  private int[] frame(String name, String config) throws IOException {
    Path folder = TokenizerFiles.folder(temporary, name);
    Files.writeString(folder.resolve("tokenizer_config.json"), config.replace('\'', '"'));
    try (Tokenizer tokenizer = Tokenizer.open(new TokenizerSource.HuggingFace(folder))) {
      String first = new String(tokenizer.tokenBytes(0), StandardCharsets.UTF_8);
      return tokenizer.encode(first, true, true);
    }
  }

  @Test
  void otherFilesAreRead() throws IOException {
    Path folder = TokenizerFiles.folder(temporary, "smollm");
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"no\"},"
            + " {\"name\": \"default\", \"template\": \"{{ bos_token }}!\"}]}");
    Files.writeString(
        folder.resolve("special_tokens_map.json"), "{\"bos_token\": \"<|im_start|>\"}");
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [7, 9]}");
    Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": 8}");
    try (Tokenizer tokenizer = Tokenizer.open(new TokenizerSource.HuggingFace(folder))) {
      assertEquals(OptionalInt.of(1), tokenizer.bos());
      // 0 and 2 are <|endoftext|> and <|im_end|>, which are ends by their names.
      assertEquals(Set.of(0, 2, 7, 8, 9), tokenizer.endTokens());
      ChatTemplate template = tokenizer.chatTemplate().orElseThrow();
      assertEquals("<|im_start|>!", template.render(List.of(), false));
    }
  }

  @Test
  void aGgufFileMayForbidTheSpaceBefore() throws IOException {
    Path file = TokenizerFiles.gguf(temporary, "llama");
    String flag = "add_space_prefix\u0007\0\0\0";
    TokenizerFiles.patched(file, flag + '\u0001', flag + '\0');
    try (Tokenizer with = TokenizerFiles.open(temporary, "llama", "gguf");
        Tokenizer without = TokenizerFiles.openGguf(file)) {
      int[] spaced = with.encode("the", false, true);
      assertEquals(" the", without.decode(spaced, false));
      assertEquals("the", with.decode(spaced, false));
      assertArrayEquals(spaced, without.encode(" the", false, true));
      for (String text : TokenizerFiles.strings()) {
        assertEquals(text, without.decode(without.encode(text, false, true), false));
      }
      assertTrue(without.encode("the", false, true)[0] != spaced[0]);
    }
  }
}
