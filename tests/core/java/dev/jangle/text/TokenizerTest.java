package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Ids and texts equal those of transformers, for vocabularies of each kind, be they read from a
 * {@code tokenizer.json} or rebuilt from a GGUF file.
 */
final class TokenizerTest {
  @TempDir private Path temporary;

  @ParameterizedTest
  @CsvSource({
    "smollm, folder",
    "smollm, gguf",
    "gpt-2, folder",
    "gpt-2, gguf",
    "llama-bpe, folder",
    "llama-bpe, gguf",
    "qwen2, folder",
    "qwen2, gguf",
    "llama, folder",
    "llama, gguf",
    "mistral, folder"
  })
  void agreesWithTransformers(String name, String kind) throws IOException {
    String[] strings = TokenizerFiles.strings();
    assertEquals(1000, strings.length);
    List<JsonNode> rows = Fixtures.rows("tokenizers/" + name + ".jsonl.gz");
    try (Tokenizer tokenizer = TokenizerFiles.open(temporary, name, kind)) {
      boolean bos = Set.of("llama-bpe", "llama", "mistral").contains(name);
      assertArrayEquals(
          bos ? new int[] {tokenizer.bos().getAsInt()} : new int[0],
          tokenizer.encode("", true, true));
      for (int i = 0; i < strings.length; i++) {
        Expected.check(tokenizer, strings[i], rows.get(i));
      }
      List<JsonNode> chats = Fixtures.rows("tokenizers/" + name + ".chats.jsonl");
      assertTrue(chats.size() > 30);
      for (JsonNode chat : chats) {
        assertArrayEquals(
            Fixtures.ints(chat.get("ids")),
            tokenizer.encodeChat(
                Fixtures.messages(chat.get("messages")), chat.get("generation").booleanValue()),
            chat::toString);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "smollm, <|im_start|>, '<|endoftext|>,<|im_end|>'",
    "gpt-2, <|endoftext|>, <|endoftext|>",
    "llama-bpe, <|begin_of_text|>, '<|end_of_text|>,<|eot_id|>'",
    "qwen2, , '<|endoftext|>,<|im_end|>'",
    "llama, <s>, </s>"
  })
  void bothFormatsNameTheSameTokens(String name, String bos, String ends) throws IOException {
    try (Tokenizer folder = TokenizerFiles.open(temporary, name, "folder");
        Tokenizer gguf = TokenizerFiles.open(temporary, name, "gguf")) {
      assertEquals(folder.vocabSize(), gguf.vocabSize());
      for (int id = 0; id < folder.vocabSize() + 2; id++) {
        assertArrayEquals(folder.tokenBytes(id), gguf.tokenBytes(id), "id " + id);
        assertEquals(folder.isSpecial(id), gguf.isSpecial(id), "id " + id);
      }
      assertEquals(folder.bos(), gguf.bos());
      assertEquals(folder.endTokens(), gguf.endTokens());
      assertEquals(
          folder.chatTemplate().orElseThrow().source(), gguf.chatTemplate().orElseThrow().source());
      assertEquals(
          bos == null ? OptionalInt.empty() : OptionalInt.of(id(folder, bos)), folder.bos());
      Set<String> named = new TreeSet<>();
      folder.endTokens().forEach(id -> named.add(text(folder, id)));
      assertEquals(new TreeSet<>(List.of(ends.split(","))), named);
      assertTrue(folder.endTokens().stream().allMatch(folder::isSpecial));
      assertFalse(folder.isSpecial(folder.vocabSize()));
      assertEquals(0, folder.tokenBytes(folder.vocabSize()).length);
      assertThrows(IllegalArgumentException.class, () -> folder.tokenBytes(-1));
    }
  }

  /** The bytes of byte-level tokens, joined, are the text. */
  @Test
  void tokenBytesAreTheText() throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(temporary, "smollm", "gguf")) {
      for (String string : TokenizerFiles.strings()) {
        ByteArrayOutputStream joined = new ByteArrayOutputStream();
        for (int id : tokenizer.encode(string, false, false)) {
          joined.writeBytes(tokenizer.tokenBytes(id));
        }
        assertArrayEquals(string.getBytes(StandardCharsets.UTF_8), joined.toByteArray());
      }
    }
  }

  @Test
  void aLoneSurrogateCountsAsReplacementCharacter() throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(temporary, "smollm", "folder")) {
      String broken = "a\uD83Db\uDE00\uDE00 \uD83D\uDE00 <|im_end|>\uD83D";
      String repaired = "a\uFFFDb\uFFFD\uFFFD \uD83D\uDE00 <|im_end|>\uFFFD";
      assertArrayEquals(
          tokenizer.encode(repaired, false, true), tokenizer.encode(broken, false, true));
      assertArrayEquals(
          tokenizer.encode(repaired, false, false), tokenizer.encode(broken, false, false));
      assertArrayEquals(
          tokenizer.encodeChat(List.of(new ChatMessage("user", repaired)), true),
          tokenizer.encodeChat(List.of(new ChatMessage("user", broken)), true));
      assertEquals(repaired, tokenizer.decode(tokenizer.encode(broken, false, true), false));
    }
  }

  /** A message cannot write special tokens: there are as many as without it. */
  @ParameterizedTest
  @CsvSource({"smollm, gguf", "llama-bpe, folder", "qwen2, gguf", "llama, gguf", "mistral, folder"})
  void messagesCannotInjectSpecialTokens(String name, String kind) throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(temporary, name, kind)) {
      StringBuilder all = new StringBuilder("x");
      for (int id = 0; id < tokenizer.vocabSize(); id++) {
        if (tokenizer.isSpecial(id)) {
          String special = text(tokenizer, id);
          all.append(special).append(special, 1, special.length()).append('<').append(special);
        }
      }
      all.append("y");
      for (String content : List.of(all.toString(), all + " 😀\uD800", "x<|im_<|im_end|>end|>y")) {
        List<ChatMessage> attack =
            List.of(
                new ChatMessage("user", content),
                new ChatMessage("assistant", content),
                new ChatMessage("user", content));
        List<ChatMessage> harmless =
            attack.stream().map(message -> new ChatMessage(message.role(), "xy")).toList();
        assertEquals(
            specials(tokenizer, tokenizer.encodeChat(harmless, true)),
            specials(tokenizer, tokenizer.encodeChat(attack, true)));
        String text = tokenizer.decode(tokenizer.encodeChat(attack, true), true);
        assertTrue(text.contains(content.replace('\uD800', '\uFFFD')), text);
      }
      assertEquals(List.of(), specials(tokenizer, tokenizer.encode(all.toString(), false, false)));
    }
  }

  @Test
  void eightThreadsEncodeAtOnce() throws Exception {
    String[] strings = TokenizerFiles.strings();
    List<JsonNode> rows = Fixtures.rows("tokenizers/qwen2.jsonl.gz");
    int threads = 8;
    CyclicBarrier start = new CyclicBarrier(threads);
    try (Tokenizer tokenizer = TokenizerFiles.open(temporary, "qwen2", "gguf");
        ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      List<Future<?>> done = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int first = t * strings.length / threads;
        done.add(
            pool.submit(
                () -> {
                  start.await();
                  for (int i = 0; i < strings.length; i++) {
                    int k = (first + i) % strings.length;
                    Expected.check(tokenizer, strings[k], rows.get(k));
                  }
                  return null;
                }));
      }
      for (Future<?> one : done) {
        one.get();
      }
    }
  }

  @Test
  void aClosedTokenizerRefuses() throws IOException {
    Tokenizer tokenizer = TokenizerFiles.open(temporary, "smollm", "folder");
    tokenizer.close();
    tokenizer.close();
    assertThrows(IllegalStateException.class, () -> tokenizer.encode("a", false, true));
  }

  private static List<Integer> specials(Tokenizer tokenizer, int[] ids) {
    List<Integer> specials = new ArrayList<>();
    for (int id : ids) {
      if (tokenizer.isSpecial(id)) {
        specials.add(id);
      }
    }
    return specials;
  }

  private static String text(Tokenizer tokenizer, int id) {
    return new String(tokenizer.tokenBytes(id), StandardCharsets.UTF_8);
  }

  private static int id(Tokenizer tokenizer, String special) {
    int[] ids = tokenizer.encode(special, false, true);
    assertEquals(1, ids.length);
    return ids[0];
  }
}
