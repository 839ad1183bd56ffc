package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.FormatException;
import dev.jangle.format.GgufMetadata;
import dev.jangle.format.GgufModel;
import dev.jangle.format.GgufWriter;
import dev.jangle.format.SafetensorsWriter;
import dev.jangle.format.TokenizerSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Ids and texts equal those of transformers after a tokenizer went from one format to the other.
 */
class TokenizerExportTest {
  @TempDir Path temporary;

  private static void check(Tokenizer tokenizer, String name) throws IOException {
    String[] strings = TokenizerFiles.strings();
    List<JsonNode> rows = Fixtures.rows("tokenizers/" + name + ".jsonl.gz");
    for (int i = 0; i < strings.length; i += 7) {
      Expected.check(tokenizer, strings[i], rows.get(i));
    }
    for (JsonNode chat : Fixtures.rows("tokenizers/" + name + ".chats.jsonl")) {
      assertArrayEquals(
          Fixtures.ints(chat.get("ids")),
          tokenizer.encodeChat(
              Fixtures.messages(chat.get("messages")), chat.get("generation").booleanValue()),
          chat::toString);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"smollm", "gpt-2", "llama-bpe", "qwen2", "llama"})
  void fromGgufToHuggingFace(String name) throws IOException {
    Path folder = Files.createDirectory(temporary.resolve("hf"));
    try (Checkpoint model = Checkpoint.open(TokenizerFiles.gguf(temporary, name))) {
      TokenizerExport.huggingFace(model.tokenizer(), 2048, folder);
      try (Tokenizer from = Tokenizer.open(model.tokenizer());
          Tokenizer to = Tokenizer.open(new TokenizerSource.HuggingFace(folder))) {
        check(to, name);
        assertEquals(from.bos(), to.bos());
        assertEquals(from.endTokens(), to.endTokens());
        assertEquals(from.vocabSize(), to.vocabSize());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"smollm", "gpt-2", "llama-bpe", "qwen2", "llama"})
  void fromHuggingFaceToGguf(String name) throws IOException {
    Path folder = TokenizerFiles.folder(temporary, name);
    Path file = temporary.resolve("made.gguf");
    int padded;
    try (Tokenizer from = Tokenizer.open(new TokenizerSource.HuggingFace(folder))) {
      padded = from.vocabSize() + 3;
      write(folder, padded, file);
      try (Tokenizer to = TokenizerFiles.openGguf(file)) {
        check(to, name);
        assertEquals(from.bos(), to.bos());
        assertEquals(from.endTokens(), to.endTokens());
        assertEquals("[PAD" + (padded - 1) + "]", to.decode(new int[] {padded - 1}, false));
      }
    }
    GgufMetadata made = metadata(file);
    GgufMetadata given = metadata(TokenizerFiles.gguf(temporary, name));
    for (String key : List.of("model", "pre")) {
      if (given.has("tokenizer.ggml." + key)) {
        assertEquals(
            given.string("tokenizer.ggml." + key), made.string("tokenizer.ggml." + key), key);
      }
    }
    String[] tokens = given.strings("tokenizer.ggml.tokens");
    int[] types = given.ints("tokenizer.ggml.token_type");
    String[] madeTokens = made.strings("tokenizer.ggml.tokens");
    int[] madeTypes = made.ints("tokenizer.ggml.token_type");
    assertEquals(padded, madeTokens.length);
    for (int id = 0; id < tokens.length; id++) {
      assertEquals(tokens[id], madeTokens[id]);
      assertEquals(types[id], madeTypes[id], "type of " + tokens[id]);
    }
    if (given.has("tokenizer.ggml.merges")) {
      assertArrayEquals(
          given.strings("tokenizer.ggml.merges"), made.strings("tokenizer.ggml.merges"));
    }
  }

  private static GgufMetadata metadata(Path file) throws IOException {
    try (Checkpoint model = Checkpoint.open(file)) {
      return ((TokenizerSource.Gguf) model.tokenizer()).metadata();
    }
  }

  /** A model of one layer of two numbers, of which only the tokenizer matters. */
  private static void write(Path folder, int vocabSize, Path file) throws IOException {
    SafetensorsWriter weights = new SafetensorsWriter();
    weights.tensor(
        "model.embed_tokens.weight",
        DType.F32,
        new long[] {vocabSize, 2},
        () -> new float[2 * vocabSize]);
    for (String matrix : new String[] {"q", "k", "v", "o"}) {
      weights.tensor(
          "model.layers.0.self_attn." + matrix + "_proj.weight",
          DType.F32,
          new long[] {2, 2},
          () -> new float[4]);
    }
    for (String matrix : new String[] {"gate", "up", "down"}) {
      weights.tensor(
          "model.layers.0.mlp." + matrix + "_proj.weight",
          DType.F32,
          new long[] {2, 2},
          () -> new float[4]);
    }
    for (String norm :
        new String[] {"layers.0.input_layernorm", "layers.0.post_attention_layernorm", "norm"}) {
      weights.tensor("model." + norm + ".weight", DType.F32, new long[] {2}, () -> new float[2]);
    }
    weights.write(folder.resolve("model.safetensors"));
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "llama", "hidden_size": 2, "intermediate_size": 2, "num_hidden_layers": 1,
         "num_attention_heads": 1, "max_position_embeddings": 128, "tie_word_embeddings": true,
         "bos_token_id": null, "eos_token_id": null, "vocab_size": %d}
        """
            .formatted(vocabSize));
    try (Checkpoint model = Checkpoint.open(folder)) {
      GgufWriter writer = GgufModel.writer(model, DType.F32);
      TokenizerExport.gguf((TokenizerSource.HuggingFace) model.tokenizer(), vocabSize, writer);
      writer.write(file);
    }
  }

  @Test
  void filesOfAFolderAreCopied() throws IOException {
    Path from = TokenizerFiles.folder(temporary, "smollm");
    Files.writeString(from.resolve("chat_template.jinja"), "{{ 'hello' }}");
    Files.writeString(from.resolve("README.md"), "not the tokenizer's");
    Path to = Files.createDirectory(temporary.resolve("to"));
    TokenizerExport.huggingFace(new TokenizerSource.HuggingFace(from), 2048, to);
    List<String> copied = List.of("chat_template.jinja", "tokenizer.json", "tokenizer_config.json");
    for (String name : copied) {
      assertArrayEquals(
          Files.readAllBytes(from.resolve(name)), Files.readAllBytes(to.resolve(name)), name);
    }
    try (var files = Files.list(to)) {
      assertEquals(copied.size(), files.count());
    }
  }

  private void assertRefused(Path folder, int vocabSize, String message) {
    FormatException e =
        assertThrows(
            FormatException.class, () -> write(folder, vocabSize, temporary.resolve("no.gguf")));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void refusesWhatGgufHasNoNameFor() throws IOException {
    Path bytes = TokenizerFiles.folder(temporary, "qwen2");
    assertRefused(bytes, 20, "but the model has 20");
    Path json = bytes.resolve("tokenizer.json");
    Files.writeString(json, Files.readString(json).replace("\\\\p{N}", "\\\\p{Nd}"));
    assertRefused(bytes, 2000, "splits text into words");
    Path pieces = TokenizerFiles.folder(temporary, "llama");
    json = pieces.resolve("tokenizer.json");
    String text = Files.readString(json);
    Files.writeString(json, text.replace("\"Prepend\"", "\"Lowercase\""));
    assertRefused(pieces, 2000, "prepares text in a way");
    // Adds a space before the first word only, llama.cpp also after each special token.
    assertRefused(TokenizerFiles.folder(temporary, "mistral"), 2000, "prepares text in a way");
  }
}
