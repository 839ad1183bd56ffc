package dev.jangle.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.export.Export;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.SafetensorsFile;
import dev.jangle.format.Tensor;
import dev.jangle.format.TensorFloats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Adapters that PEFT wrote; see tests/fixtures/adapters/README.md. */
class AdapterFixtureTest {
  private static final Path RESOURCES =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources");

  @TempDir Path temporary;

  private static Path adapter(String name) {
    return RESOURCES.resolve("adapters").resolve(name);
  }

  /** The bound is that of {@link FixtureTest}. */
  @ParameterizedTest
  @CsvSource({"llama3_f32, llama3", "qwen2_rslora_bf16, qwen2", "mistral_some_f16, mistral"})
  void mergedLogitsAreThoseOfPeft(String name, String model) throws IOException {
    Path merged = temporary.resolve("merged");
    try (Checkpoint base = Checkpoint.open(RESOURCES.resolve("models").resolve(model))) {
      LoraAdapter adapter = LoraAdapter.open(adapter(name), base);
      Export.huggingFace(base, adapter, DType.F32, merged, (done, total) -> {});
    }
    Fixture fixture = Fixture.of(adapter(name));
    Fixture.Deviation error = fixture.error("f32");
    double ulps = 4 * 0x1p-23 * fixture.largestLogit();
    try (Backend backend = Backend.open(BackendKind.CPU, 2, null);
        ModelRun run = new ModelRun(merged, backend, DType.F32, 160)) {
      float[][] logits = run.append(fixture.inputIds().length, fixture.inputIds());
      Logits.assertNear(
          fixture.logits(), logits, 2 * error.largest() + ulps, 2 * error.rms() + ulps, name);
      for (int expected : fixture.greedyIds()) {
        assertEquals(expected, Logits.argmax(logits[logits.length - 1]));
        logits = run.append(1, expected);
      }
    }
  }

  /** What is read and written again are PEFT's bytes, and its configuration but for defaults. */
  @ParameterizedTest
  @CsvSource({
    "llama3_f32, llama3, F32",
    "qwen2_rslora_bf16, qwen2, BF16",
    "mistral_some_f16, mistral, F16"
  })
  void writtenBytesAreThoseOfPeft(String name, String model, DType format) throws IOException {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    try (Checkpoint base = Checkpoint.open(RESOURCES.resolve("models").resolve(model));
        SafetensorsFile file =
            SafetensorsFile.open(adapter(name).resolve("adapter_model.safetensors"))) {
      for (Tensor tensor : file.tensors().values()) {
        tensors.put(tensor.name(), TensorFloats.of(tensor));
      }
      LoraAdapter read = LoraAdapter.open(adapter(name), base);
      assertEquals(tensors.size(), 2 * read.weights());
      LoraAdapter.write(temporary, read.config(), format, tensors);
    }
    assertArrayEquals(
        Files.readAllBytes(adapter(name).resolve("adapter_model.safetensors")),
        Files.readAllBytes(temporary.resolve("adapter_model.safetensors")));
    JsonNode expected = json(adapter(name));
    json(temporary)
        .properties()
        .forEach(
            entry -> {
              if (!entry.getKey().equals("target_modules")) {
                assertEquals(expected.get(entry.getKey()), entry.getValue(), entry.getKey());
              }
            });
  }

  private static JsonNode json(Path folder) throws IOException {
    return new ObjectMapper().readTree(folder.resolve("adapter_config.json").toFile());
  }
}
