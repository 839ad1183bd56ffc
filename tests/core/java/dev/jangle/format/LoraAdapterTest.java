package dev.jangle.format;

import static dev.jangle.format.FormatAssertions.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class LoraAdapterTest {
  private static final Path MODELS =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources/models");
  private static final int RANK = 4;
  private static final String UP = "model.layers.1.mlp.up_proj.weight";
  private static final String UP_A = "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight";
  private static final String UP_B = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";

  @TempDir Path folder;

  private Path config;
  private Path weights;

  @BeforeEach
  void name() {
    config = folder.resolve("adapter_config.json");
    weights = folder.resolve("adapter_model.safetensors");
  }

  private static Checkpoint model(String name) throws IOException {
    Path path = MODELS.resolve(name);
    return Checkpoint.open(name.startsWith("gguf") ? path.resolve("model.gguf") : path);
  }

  private Map<String, float[]> write(Checkpoint base, double size) throws IOException {
    Map<String, float[]> factors = Adapters.random(base, RANK, Adapters.ALL, size);
    LoraConfig config = new LoraConfig(RANK, 2 * RANK, false, Adapters.ALL, "tiny");
    LoraAdapter.write(folder, config, DType.F32, factors);
    return factors;
  }

  /** W + 2 B A in float64. */
  private static double[] exact(Tensor w, Map<String, float[]> factors) {
    String module = "base_model.model." + w.name().replace(".weight", "");
    float[] a = factors.get(module + ".lora_A.weight");
    float[] b = factors.get(module + ".lora_B.weight");
    float[] values = TensorFloats.of(w);
    int cols = (int) w.cols();
    double[] sum = new double[values.length];
    for (int i = 0; i < sum.length; i++) {
      sum[i] = values[i];
      for (int k = 0; k < RANK; k++) {
        sum[i] += 2.0 * b[i / cols * RANK + k] * a[k * cols + i % cols];
      }
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({
    "llama3, F32, 2e-7",
    "smollm2, F16, 5e-4",
    "tinyllama, BF16, 4e-3",
    "gguf_llama3_f16, F16, 5e-4", // rows of q and k in another order
    "gguf_q8_0, F32, 2e-7"
  })
  void mergesAreNearFloat64(String name, DType format, double relative) throws IOException {
    try (Checkpoint base = model(name)) {
      Map<String, float[]> factors = write(base, 0.02);
      LoraAdapter adapter = LoraAdapter.open(folder, base);
      assertEquals(7 * base.config().layers(), adapter.weights());
      for (String weight : base.names()) {
        Tensor w = base.tensor(weight);
        Tensor merged = adapter.merge(w, format);
        if (w.shape().length == 1
            || weight.equals("model.embed_tokens.weight")
            || weight.equals("lm_head.weight")) {
          assertSame(w, merged);
          continue;
        }
        assertEquals(format, merged.dtype());
        double[] exact = exact(w, factors);
        float[] found = TensorFloats.of(merged);
        for (int i = 0; i < found.length; i++) {
          double bound = relative * (Math.abs(exact[i]) + 0.3);
          assertTrue(Math.abs(found[i] - exact[i]) <= bound, weight + " " + i);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1"})
  void quantisedWeightsHaveEightBitsThen(DType format) throws IOException {
    String name = "gguf_" + format.name().toLowerCase(Locale.ROOT);
    try (Checkpoint base = model(name)) {
      Map<String, float[]> factors = write(base, 0.02);
      try (Checkpoint merged = LoraAdapter.open(folder, base).merge(base)) {
        assertEquals(base.names(), merged.names());
        long bytes = 0;
        for (String weight : merged.names()) {
          Tensor tensor = merged.tensor(weight);
          assertEquals(tensor.dtype(), merged.dtype(weight), weight);
          bytes += tensor.data().byteSize();
        }
        assertEquals(bytes, merged.weightBytes());
        assertEquals(format == DType.Q8_0, bytes == base.weightBytes());
        Tensor w = base.tensor(UP);
        double[] exact = exact(w, factors);
        float[] before = TensorFloats.of(w);
        float[] found = TensorFloats.of(merged.tensor(UP));
        double part = 0;
        double change = 0;
        for (int i = 0; i < found.length; i++) {
          part += (found[i] - before[i]) * (exact[i] - before[i]);
          change += (exact[i] - before[i]) * (exact[i] - before[i]);
        }
        assertEquals(DType.Q8_0, merged.tensor(UP).dtype());
        assertEquals(1, part / change, 0.02);
      }
    }
  }

  @Test
  void anAdapterWithoutChangeChangesNoBit() throws IOException {
    for (String name : List.of("gguf_q4_0", "gguf_q4_1", "gguf_f16", "gguf_bf16", "llama3")) {
      try (Checkpoint base = model(name)) {
        write(base, 0);
        LoraAdapter adapter = LoraAdapter.open(folder, base);
        for (String weight : base.names()) {
          assertArrayEquals(
              FormatAssertions.bytes(base.tensor(weight)),
              FormatAssertions.bytes(
                  adapter.merge(base.tensor(weight), base.tensor(weight).dtype())),
              name + " " + weight);
        }
      }
    }
  }

  @Test
  void theScaleIsPefts() throws IOException {
    assertEquals(2f, new LoraConfig(16, 32, false, List.of(), "").scale());
    assertEquals(8f, new LoraConfig(16, 32, true, List.of(), "").scale());
    try (Checkpoint base = model("llama3")) {
      write(base, 0.02);
      change("use_rslora", "true");
      change("lora_alpha", "3.5");
      assertEquals(1.75f, LoraAdapter.open(folder, base).config().scale());
    }
  }

  private void change(String key, String value) throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode json = (ObjectNode) mapper.readTree(config.toFile());
    if (value == null) {
      json.remove(key);
    } else {
      json.set(key, mapper.readTree(value));
    }
    mapper.writeValue(config.toFile(), json);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "peft_type|\"IA3\"|key peft_type is \"IA3\"",
        "task_type|\"SEQ_CLS\"|key task_type is \"SEQ_CLS\"",
        "bias|\"all\"|key bias is \"all\"",
        "use_dora|true|key use_dora is true",
        "lora_bias|true|key lora_bias is true",
        "fan_in_fan_out|true|key fan_in_fan_out is true",
        "modules_to_save|[\"lm_head\"]|key modules_to_save is an object or array",
        "rank_pattern|{\"q_proj\": 8}|key rank_pattern is an object or array",
        "alpha_pattern|{\"q_proj\": 8}|key alpha_pattern is an object or array",
        "layer_replication|[[0, 2]]|key layer_replication",
        "trainable_token_indices|[1]|key trainable_token_indices",
        "use_what_comes_next|1|key use_what_comes_next is 1, which is not supported",
        "init_lora_weights|\"pissa\"|key init_lora_weights is pissa, which changes the base model",
        "r|0|the rank is 0",
        "r|\"four\"|key r is \"four\", expected an integer",
        "lora_alpha||key lora_alpha is missing"
      })
  void refusesWhatIsNotSupported(String key, String value, String message) throws IOException {
    try (Checkpoint base = model("llama3")) {
      write(base, 0.02);
      change(key, value);
      assertRefused(config, () -> LoraAdapter.open(folder, base), message);
    }
  }

  @Test
  void keysThatDoNotMatterAreRead() throws IOException {
    try (Checkpoint base = model("llama3")) {
      write(base, 0.02);
      change("target_modules", "\"all-linear\"");
      change("init_lora_weights", "\"gaussian\"");
      change("lora_dropout", "0.1");
      change("peft_version", "\"0.19\"");
      change("use_dora", "false");
      change("loftq_config", "{}");
      change("megatron_config", "null");
      assertEquals(List.of(), LoraAdapter.open(folder, base).config().targets());
    }
  }

  /** Writes the factors with one changed: {@code null} removes it. */
  private void rewrite(Map<String, float[]> factors, String name, long[] shape, float[] values) {
    Map<String, float[]> all = new TreeMap<>(factors);
    all.put(name, values);
    SafetensorsWriter writer = new SafetensorsWriter();
    all.forEach(
        (key, value) -> {
          if (value != null) {
            boolean a = key.endsWith("lora_A.weight");
            long[] usual = {a ? RANK : value.length / RANK, a ? value.length / RANK : RANK};
            writer.tensor(key, DType.F32, key.equals(name) ? shape : usual, () -> value);
          }
        });
    try {
      writer.write(weights);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void refusesTensorsThatDoNotFit() throws IOException {
    try (Checkpoint base = model("llama3")) {
      Map<String, float[]> factors = write(base, 0.02);
      rewrite(factors, UP_B, null, null);
      assertRefused(
          weights, () -> LoraAdapter.open(folder, base), "has no tensor " + UP_B, "[96, 4]");
      Map<String, float[]> without = new LinkedHashMap<>(factors);
      without.remove(UP_B);
      rewrite(without, UP_A, null, null);
      assertRefused(
          weights, () -> LoraAdapter.open(folder, base), "has no tensor " + UP_A, "lists");
      rewrite(factors, UP_A, new long[] {4, 60}, new float[240]);
      assertRefused(
          weights,
          () -> LoraAdapter.open(folder, base),
          UP_A + " has shape [4, 60], expected [4, 64]",
          UP);
      for (String other :
          List.of(
              "base_model.model.model.layers.2.mlp.up_proj.lora_A.weight",
              "base_model.model.model.layers.0.mlp.experts.lora_A.weight",
              "base_model.model.model.norm.lora_A.weight")) {
        rewrite(factors, other, new long[] {4, 64}, new float[256]);
        assertRefused(
            weights, () -> LoraAdapter.open(folder, base), other, "does not have", "2 layers");
      }
      for (String strange :
          List.of(
              "model.layers.0.mlp.up_proj.lora_A.weight",
              "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector",
              "base_model.model.model.embed_tokens.lora_embedding_A")) {
        rewrite(factors, strange, new long[] {4}, new float[4]);
        assertRefused(
            weights, () -> LoraAdapter.open(folder, base), strange, "expected a name like");
      }
      String copy = "base_model.model.lm_head.base_layer.weight";
      rewrite(factors, copy, new long[] {4}, new float[4]);
      assertRefused(weights, () -> LoraAdapter.open(folder, base), copy, "save_embedding_layers");
      float[] nan = factors.get(UP_A).clone();
      nan[7] = Float.NaN;
      rewrite(factors, UP_A, new long[] {4, 64}, nan);
      assertRefused(weights, () -> LoraAdapter.open(folder, base), UP_A + " has the value NaN");
      new SafetensorsWriter().write(weights);
      change("target_modules", "\"all-linear\"");
      assertRefused(weights, () -> LoraAdapter.open(folder, base), "has no tensors");
    }
  }

  @Test
  void headsAreMergedWhereTheyAreWeightsOfTheirOwn() throws IOException {
    String a = "base_model.model.lm_head.lora_A.weight";
    String b = "base_model.model.lm_head.lora_B.weight";
    for (String name : List.of("llama3", "smollm2")) {
      try (Checkpoint base = model(name)) {
        Map<String, float[]> factors = write(base, 0.02);
        int hidden = base.config().hiddenSize();
        factors.put(a, new float[RANK * hidden]);
        factors.put(b, new float[base.config().vocabSize() * RANK]);
        factors.get(a)[1] = 3;
        factors.get(b)[0] = 2;
        LoraConfig config = new LoraConfig(RANK, RANK, false, Adapters.ALL, "");
        LoraAdapter.write(folder, config, DType.F32, factors);
        if (base.config().tiedEmbeddings()) {
          assertRefused(weights, () -> LoraAdapter.open(folder, base), a, "tied to the embedding");
          continue;
        }
        Tensor head = base.tensor("lm_head.weight");
        float[] merged = TensorFloats.of(LoraAdapter.open(folder, base).merge(head));
        float[] expected = TensorFloats.of(head);
        expected[1] += 6;
        assertArrayEquals(expected, merged);
      }
    }
  }

  @Test
  void refusesFoldersThatAreNoAdapters() throws IOException {
    try (Checkpoint base = model("llama3")) {
      NoSuchFileException e =
          assertThrows(NoSuchFileException.class, () -> LoraAdapter.open(folder, base));
      assertTrue(e.getMessage().contains("has no adapter_config.json"), e.getMessage());
      write(base, 0.02);
      Files.move(weights, folder.resolve("adapter_model.bin"));
      e = assertThrows(NoSuchFileException.class, () -> LoraAdapter.open(folder, base));
      assertTrue(e.getMessage().contains("save it again with a current PEFT"), e.getMessage());
    }
  }

  @Test
  void refusesASumThatCannotBeQuantised() throws IOException {
    try (Checkpoint base = model("gguf_q4_1")) {
      write(base, 1e9);
      LoraAdapter adapter = LoraAdapter.open(folder, base);
      assertRefused(
          folder, () -> adapter.merge(base.tensor(UP)), "merged with " + UP, "Q8_0 cannot hold");
    }
  }

  @Test
  void aFullDiskLeavesNoConfiguration() throws IOException {
    try (Checkpoint base = model("llama3")) {
      Files.createSymbolicLink(
          folder.resolve("adapter_model.safetensors.part"), Path.of("/dev/full"));
      IOException e = assertThrows(IOException.class, () -> write(base, 0.02));
      assertTrue(e.getMessage().contains("No space left on device"), e.getMessage());
      try (var files = Files.list(folder)) {
        assertEquals(0, files.count());
      }
    }
  }
}
