package dev.jangle.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HfModelTest {
  private static final Path MODELS =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources/models");

  @TempDir Path folder;

  private static Checkpoint model(String name) throws IOException {
    Path path = MODELS.resolve(name);
    return Checkpoint.open(name.startsWith("gguf") ? path.resolve("model.gguf") : path);
  }

  private static JsonNode json(Path file) throws IOException {
    return new ObjectMapper().readTree(file.toFile());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gguf_f32",
        "gguf_q4_1",
        "gguf_llama3_f16",
        "gguf_qwen2_f16",
        "gguf_qwen3_f16",
        "llama_yarn",
        "llama_linear",
        "mistral",
        "qwen2",
        "smollm2"
      })
  void foldersHaveTheSameModel(String name) throws IOException {
    try (Checkpoint from = model(name)) {
      HfModel.write(from, DType.F32, folder);
      try (Checkpoint to = Checkpoint.open(folder)) {
        assertEquals(from.names(), to.names());
        for (String tensor : from.names()) {
          assertEquals(DType.F32, to.tensor(tensor).dtype());
          assertArrayEquals(from.shape(tensor), to.shape(tensor));
          assertArrayEquals(
              TensorFloats.of(from.tensor(tensor)), TensorFloats.of(to.tensor(tensor)), tensor);
        }
        assertSame(from.config(), to.config());
      }
    }
  }

  private static void assertSame(ModelConfig from, ModelConfig to) {
    assertEquals(from.architecture(), to.architecture());
    assertEquals(from.rmsNormEps(), to.rmsNormEps());
    assertEquals(from.contextLength(), to.contextLength());
    assertEquals(from.tiedEmbeddings(), to.tiedEmbeddings());
    assertEquals(from.bosTokenId(), to.bosTokenId());
    assertEquals(from.eosTokenIds(), to.eosTokenIds());
    double[] expected = from.ropeScaling().inverseFrequencies(from.ropeTheta(), from.headDim());
    double[] found = to.ropeScaling().inverseFrequencies(to.ropeTheta(), to.headDim());
    for (int j = 0; j < expected.length; j++) {
      assertEquals(expected[j], found[j], 1e-5 * expected[j]);
    }
    assertEquals(from.ropeScaling().attentionScale(), to.ropeScaling().attentionScale(), 1e-6f);
  }

  @Test
  void aFoldersOwnConfigurationIsKept() throws IOException {
    try (Checkpoint from = model("smollm2")) {
      HfModel.write(from, DType.BF16, folder);
      JsonNode before = json(MODELS.resolve("smollm2/config.json"));
      JsonNode after = json(folder.resolve("config.json"));
      assertEquals("bfloat16", after.get("torch_dtype").textValue());
      before
          .properties()
          .forEach(
              entry -> {
                if (!entry.getKey().equals("torch_dtype")) {
                  assertEquals(entry.getValue(), after.get(entry.getKey()), entry.getKey());
                }
              });
      assertEquals(before.size(), after.size());
      try (Checkpoint to = Checkpoint.open(folder)) {
        Tensor half = from.tensor("model.norm.weight");
        assertArrayEquals(
            TensorFloats.of(half.as(DType.BF16)), TensorFloats.of(to.tensor("model.norm.weight")));
        assertEquals(DType.BF16, to.tensor("model.norm.weight").dtype());
      }
    }
  }

  @Test
  void largeModelsAreShards() throws IOException {
    try (Checkpoint from = model("qwen3")) {
      HfModel.write(from, DType.F32, folder, 20_000);
      assertFalse(Files.exists(folder.resolve("model.safetensors")));
      JsonNode index = json(folder.resolve("model.safetensors.index.json"));
      long total = 0;
      try (Checkpoint to = Checkpoint.open(folder)) {
        for (String tensor : from.names()) {
          assertArrayEquals(
              TensorFloats.of(from.tensor(tensor)), TensorFloats.of(to.tensor(tensor)), tensor);
        }
        total = to.weightBytes();
      }
      assertEquals(total, index.get("metadata").get("total_size").longValue());
      List<String> files;
      try (var paths = Files.list(folder)) {
        files =
            paths
                .map(path -> path.getFileName().toString())
                .filter(file -> file.endsWith(".safetensors"))
                .sorted()
                .toList();
      }
      assertTrue(files.size() > 5, files.toString());
      String last = "model-%05d-of-%05d.safetensors".formatted(files.size(), files.size());
      assertEquals(last, files.getLast());
      for (String file : files) {
        try (SafetensorsFile shard = SafetensorsFile.open(folder.resolve(file))) {
          long bytes = shard.tensors().values().stream().mapToLong(t -> t.data().byteSize()).sum();
          assertTrue(bytes <= 20_000 || shard.tensors().size() == 1, file + " " + bytes);
        }
      }
    }
  }

  @Test
  void refusesWhatConfigJsonCannotSay() throws IOException {
    Path file = folder.resolve("model.gguf");
    float[] divisors = {1, 2, 1, 3};
    byte[] bytes = TensorBytes.of(DType.F32, divisors);
    TinyModel.gguf().tensor("rope_freqs.weight", DType.F32, new long[] {4}, bytes).write(file);
    try (Checkpoint model = Checkpoint.open(file)) {
      FormatException e =
          assertThrows(FormatException.class, () -> HfModel.write(model, DType.F32, folder));
      assertTrue(e.getMessage().contains("rope_freqs.weight"), e.getMessage());
    }
    TinyModel.gguf("llama", DType.F32, false, true, false).write(file);
    try (Checkpoint model = Checkpoint.open(file)) {
      FormatException e =
          assertThrows(FormatException.class, () -> HfModel.write(model, DType.F32, folder));
      assertTrue(e.getMessage().contains("biases of q, k and v in a llama"), e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> HfModel.write(model, DType.Q8_0, folder));
    }
  }
}
