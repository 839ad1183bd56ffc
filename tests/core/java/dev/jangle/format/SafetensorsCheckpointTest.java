package dev.jangle.format;

import static dev.jangle.format.FormatAssertions.assertRefused;
import static dev.jangle.format.FormatAssertions.assertTinyModel;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Hugging Face folders: whole files, shards, and every file that is damaged or not supported. */
class SafetensorsCheckpointTest {
  private static final long[] VECTOR = {32};

  @TempDir Path folder;

  private Path single() {
    return folder.resolve("model.safetensors");
  }

  private void config(String architecture, String... more) throws IOException {
    Files.writeString(folder.resolve("config.json"), TinyModel.config(architecture, more));
  }

  private void refused(byte[] file, String... parts) throws IOException {
    config("llama");
    Files.write(single(), file);
    assertRefused(single(), () -> Checkpoint.open(folder).close(), parts);
  }

  private void refused(String header, int dataBytes, String... parts) throws IOException {
    refused(SafetensorsBytes.file(header, new byte[dataBytes]), parts);
  }

  private static String entry(String dtype, long begin, long end, long... shape) {
    return SafetensorsBytes.entry("w", dtype, shape, begin, end);
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void everyFormatIsRead(DType dtype) throws IOException {
    config("llama");
    TinyModel.safetensors(dtype, false, false, false).write(single());
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertTinyModel(checkpoint, dtype, dtype, false, false, false);
      assertEquals("safetensors", checkpoint.formatName());
      assertEquals(folder, checkpoint.path());
      assertEquals(new TokenizerSource.HuggingFace(folder), checkpoint.tokenizer());
    }
  }

  @Test
  void biasesAndNorms() throws IOException {
    config("qwen2");
    TinyModel.safetensors(DType.BF16, false, true, false).write(single());
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertTinyModel(checkpoint, DType.BF16, DType.BF16, false, true, false);
    }
    config("qwen3", "\"tie_word_embeddings\": true", "\"attention_bias\": true");
    TinyModel.safetensors(DType.BF16, true, true, true).write(single());
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertTinyModel(checkpoint, DType.BF16, DType.BF16, true, true, true);
    }
  }

  @Test
  void tiedModelMayStillStoreItsHead() throws IOException {
    config("llama", "\"tie_word_embeddings\": true");
    TinyModel.safetensors(DType.F32, false, false, false).write(single());
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertTrue(checkpoint.config().tiedEmbeddings());
      assertTrue(checkpoint.has("lm_head.weight"));
    }
  }

  @Test
  void oldRopeBuffersAreLeftOut() throws IOException {
    config("llama");
    String buffer = "model.layers.0.self_attn.rotary_emb.inv_freq";
    TinyModel.safetensors(DType.F32, false, false, false)
        .tensor(buffer, "F32", new long[] {4}, new byte[16])
        .write(single());
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertFalse(checkpoint.has(buffer));
    }
  }

  private static String shardOf(String name) {
    return name.contains("layers.1") ? "model-2.safetensors" : "model-1.safetensors";
  }

  /** Writes two shards; the index is {@code edit}'s to change. */
  private Path shards(String from, String to) throws IOException {
    config("llama");
    SafetensorsBytes first = new SafetensorsBytes();
    SafetensorsBytes second = new SafetensorsBytes();
    StringBuilder map = new StringBuilder("{\"metadata\": {\"x\": [1]}, \"weight_map\": {");
    TinyModel.shapes(false, false, false)
        .forEach(
            (name, shape) -> {
              String shard = shardOf(name);
              SafetensorsBytes writer = shard.contains("-1") ? first : second;
              writer.tensor(name, "F32", shape, TinyModel.data(name, DType.F32, shape));
              map.append('"').append(name).append("\":\"").append(shard).append("\",");
            });
    first.write(folder.resolve("model-1.safetensors"));
    second.write(folder.resolve("model-2.safetensors"));
    map.setLength(map.length() - 1);
    String index = map.append("}}").toString();
    Path file = folder.resolve("model.safetensors.index.json");
    assertTrue(index.contains(from), from);
    return Files.writeString(file, index.replace(from, to));
  }

  @Test
  void shardedModel() throws IOException {
    shards("", "");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertTinyModel(checkpoint, DType.F32, DType.F32, false, false, false);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../model-2.safetensors",
        "/etc/passwd",
        "sub/model-2.safetensors",
        "sub\\\\model-2.safetensors",
        "..",
        "",
        "model-2.bin",
        "model-2.safetensors\\u0000",
        ".hidden.safetensors"
      })
  void shardsLieInTheFolder(String name) throws IOException {
    Path index = shards("model-2.safetensors", name);
    assertRefused(
        index, () -> Checkpoint.open(folder).close(), "weight_map.model.layers.1", "same folder");
  }

  @Test
  void indexAndShardsMustAgree() throws IOException {
    Path second = folder.resolve("model-2.safetensors");
    shards("\"model.layers.1.mlp.up_proj.weight\":", "\"extra\":");
    assertRefused(second, () -> Checkpoint.open(folder).close(), "up_proj", "does not list");
    shards(
        "\"model.layers.1.mlp.up_proj.weight\":\"model-2",
        "\"model.layers.1.mlp.up_proj.weight\":\"model-1");
    assertRefused(
        second, () -> Checkpoint.open(folder).close(), "up_proj", "places in model-1.safetensors");
    shards("\"weight_map\": {", "\"weight_map\": {\"extra\":\"model-2.safetensors\",");
    assertRefused(second, () -> Checkpoint.open(folder).close(), "no tensor extra");
    Path index = shards("weight_map", "weights");
    assertRefused(index, () -> Checkpoint.open(folder).close(), "no weight_map");
    index = shards("\"weight_map\": {", "\"weight_map\": {\"a\":1,");
    assertRefused(index, () -> Checkpoint.open(folder).close(), "weight_map.a");
    index = shards("{\"metadata\"", "{\"weight_map\": [], \"metadata\"");
    assertRefused(index, () -> Checkpoint.open(folder).close(), "weight_map is not an object");
    index = shards("{\"metadata\"", "[{\"metadata\"");
    assertRefused(index, () -> Checkpoint.open(folder).close(), "not a JSON object");
    index = shards("}}", "}");
    assertRefused(index, () -> Checkpoint.open(folder).close(), "not valid JSON");
    index = shards("}}", "}} {}");
    assertRefused(index, () -> Checkpoint.open(folder).close(), "after the end");
  }

  @Test
  void missingFiles() throws IOException {
    Path nowhere = folder.resolve("nowhere");
    missing(nowhere, nowhere, "does not exist");
    missing(folder, folder, "has no config.json");
    Files.writeString(folder.resolve("pytorch_model.bin"), "x");
    missing(folder, folder, "holds pytorch_model.bin", "convert");
    config("llama");
    missing(folder, folder, "neither model.safetensors nor", "pytorch_model.bin");
    Files.delete(folder.resolve("pytorch_model.bin"));
    Files.writeString(folder.resolve("a.gguf"), "x");
    missing(folder, folder, "it holds a.gguf: give that file");
    shards("", "");
    Files.delete(folder.resolve("model-2.safetensors"));
    missing(folder, folder.resolve("model-2.safetensors"), "index.json names it");
    Files.createDirectory(single());
    IOException e = assertThrows(IOException.class, () -> Checkpoint.open(folder));
    assertEquals(single() + ": is not a regular file", e.getMessage());
  }

  private static void missing(Path opened, Path named, String... parts) {
    String message =
        assertThrows(NoSuchFileException.class, () -> Checkpoint.open(opened)).getMessage();
    assertTrue(message.startsWith(named + ": "), message);
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }

  @Test
  void whatIsNotSafetensors() throws IOException {
    refused(new byte[0], "is empty");
    refused(new byte[9], "not a safetensors file");
    refused(TinyModel.gguf().bytes(), "GGUF");
    String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    refused(pointer.getBytes(StandardCharsets.UTF_8), "Git LFS pointer");
    Path file = Files.write(folder.resolve("some.safetensors"), Files.readAllBytes(writeTiny()));
    assertRefused(file, "give the folder");
  }

  private Path writeTiny() {
    return TinyModel.safetensors(DType.F32, false, false, false).write(single());
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 0, 1, 1 << 20, 100_000_001, Long.MAX_VALUE, Long.MIN_VALUE})
  void headerLength(long length) throws IOException {
    byte[] file = Files.readAllBytes(writeTiny());
    for (int i = 0; i < 8; i++) {
      file[i] = (byte) (length >> (8 * i));
    }
    refused(file, "has a header of " + Long.toUnsignedString(length) + " bytes");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"I64", "F64", "F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL", "I32", "C64", "f32", ""})
  void dtypes(String dtype) throws IOException {
    refused("{" + entry(dtype, 0, 128, VECTOR) + "}", 128, "tensor w has dtype " + dtype, "BF16");
  }

  @Test
  void offsets() throws IOException {
    refused("{" + entry("F32", 0, 124, VECTOR) + "}", 124, "has 124 bytes, expected 128");
    refused("{" + entry("F32", 4, 132, VECTOR) + "}", 132, "expected them to begin at 0");
    refused("{" + entry("F32", 128, 0, VECTOR) + "}", 128, "expected them to begin at 0");
    refused("{" + entry("F32", 0, 128, VECTOR) + "}", 127, "truncated");
    refused("{" + entry("F32", 0, 128, VECTOR) + "}", 129, "has 129 bytes of data");
    refused("{" + entry("F32", -1, 127, VECTOR) + "}", 128, "negative");
    String twice = SafetensorsBytes.entry("v", "F32", VECTOR, 64, 192);
    refused("{" + entry("F32", 0, 128, VECTOR) + "," + twice + "}", 192, "begin at 128");
    String odd = SafetensorsBytes.entry("v", "F32", VECTOR, 2, 130);
    refused("{" + entry("F16", 0, 2, 1) + "," + odd + "}", 130, "not aligned to 4 bytes");
  }

  @Test
  void shapes() throws IOException {
    refused("{" + entry("F32", 0, 0, 0) + "}", 0, "dimension of size 0");
    refused("{" + entry("F32", 0, 4) + "}", 4, "no dimensions");
    refused("{" + entry("F32", 0, 8, 1L << 32, 1L << 32, 1) + "}", 8, "2^60");
    refused("{" + entry("F32", 0, 8, -2) + "}", 8, "negative");
    refused("{" + entry("F32", 0, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1) + "}", 4, "more than 8 numbers");
  }

  @Test
  void headers() throws IOException {
    String good = entry("F32", 0, 128, VECTOR);
    refused("{" + good + "," + good + "}", 128, "not valid JSON", "Duplicate");
    refused("{" + good, 128, "not valid JSON");
    refused("{" + good + "} x", 128, "not valid JSON");
    refused("{" + good + "}{}", 128, "after the end");
    refused("{" + good.replace("[32]", "[1e2]") + "}", 128, "w's shape");
    refused("{" + good.replace("[32]", "[99999999999999999999]") + "}", 128, "not valid JSON");
    refused("{" + good.replace("[32]", "32") + "}", 128, "w's shape");
    refused("{" + good.replace("\"F32\"", "1") + "}", 128, "w's dtype");
    refused("{" + good.replace("\"dtype\":\"F32\",", "") + "}", 128, "needs dtype");
    refused("{" + good.replace("[0,128]", "[0]") + "}", 128, "two data_offsets");
    refused("{" + good.replace("shape", "size") + "}", 128, "unknown field size");
    refused("{\"w\":3}", 128, "w is VALUE_NUMBER_INT");
    refused("{\"__metadata__\":" + "[".repeat(5000) + "]".repeat(5000) + "}", 0, "__metadata__");
    String deep = "{\"a\":".repeat(5000) + "1" + "}".repeat(5000);
    refused("{\"__metadata__\":" + deep + "}", 0, "__metadata__.a is START_OBJECT");
    refused("{\"" + "n".repeat(60_000) + "\":{}}", 0, "not valid JSON", "Name");
  }

  @Test
  void tensorsOfAnotherModel() throws IOException {
    config("llama");
    mismatch(TinyModel.safetensors(DType.F32, true, false, false), "no tensor lm_head.weight");
    mismatch(tiny().tensor("w", "F32", VECTOR, new byte[128]), "tensor w is not part of");
    mismatch(TinyModel.safetensors(DType.F32, false, true, false), "q_proj.bias", "attention_bias");
    mismatch(
        tiny().tensor("model.layers.0.self_attn.o_proj.bias", "F32", VECTOR, new byte[128]),
        "o_proj.bias",
        "supports none");
    mismatch(
        tiny().tensor("model.layers.0.mlp.experts.0.w1.weight", "F32", VECTOR, new byte[128]),
        "mixture of experts");
    config("llama", "\"attention_bias\": true");
    mismatch(tiny(), "no tensor model.layers.0.self_attn.q_proj.bias");
  }

  private static SafetensorsBytes tiny() {
    return TinyModel.safetensors(DType.F32, false, false, false);
  }

  private void mismatch(SafetensorsBytes writer, String... parts) {
    writer.write(single());
    assertRefused(folder, parts);
  }
}
