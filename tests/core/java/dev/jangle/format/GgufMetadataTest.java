package dev.jangle.format;

import static dev.jangle.format.FormatAssertions.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufMetadataTest {
  @TempDir Path folder;

  private GgufMetadata metadata(byte[] file) throws IOException {
    Path path = Files.write(folder.resolve("model.gguf"), file);
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      return ((TokenizerSource.Gguf) checkpoint.tokenizer()).metadata();
    }
  }

  private GgufMetadata metadata(GgufBytes writer) throws IOException {
    return metadata(writer.bytes());
  }

  @Test
  void typedValues() throws IOException {
    GgufMetadata metadata =
        metadata(
            TinyModel.gguf()
                .put("t.string", "näive")
                .put("t.u32", -1)
                .put("t.u64", 5L)
                .put("t.f32", 1.5f)
                .put("t.f64", 2.5)
                .put("t.bool", true));
    assertEquals("näive", metadata.string("t.string"));
    assertEquals(0xFFFF_FFFFL, metadata.u32("t.u32"));
    assertEquals(5, metadata.u32("t.u64"));
    assertEquals(1.5f, metadata.f32("t.f32"));
    assertEquals(2.5f, metadata.f32("t.f64"));
    assertTrue(metadata.bool("t.bool"));
    assertTrue(metadata.has("t.bool"));
    assertTrue(metadata.keys().contains("t.bool"));
    assertThrows(UnsupportedOperationException.class, () -> metadata.keys().clear());
    assertEquals(folder.resolve("model.gguf"), metadata.path());
  }

  @Test
  void arrays() throws IOException {
    GgufMetadata metadata = metadata(TinyModel.gguf());
    assertArrayEquals(new String[] {"<s>", "é", ""}, metadata.strings("tokenizer.ggml.tokens"));
    assertArrayEquals(new int[] {3, 1, 1}, metadata.ints("tokenizer.ggml.token_type"));
    assertArrayEquals(new float[] {0, -1.5f, 2}, metadata.floats("tokenizer.ggml.scores"));
    assertArrayEquals(
        new String[0], metadata(TinyModel.gguf().put("t.empty", new String[0])).strings("t.empty"));
  }

  /** An array's element type is the number that follows the key and the type 9. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5})
  void integerWidths(int type) throws IOException {
    int bytes = 1 << (type / 2);
    byte[] file = TinyModel.gguf().put("t.ints", new int[] {-1, 1}).bytes();
    int at =
        new String(file, StandardCharsets.ISO_8859_1).indexOf("t.ints") + "t.ints".length() + 4;
    file[at] = (byte) type;
    file[at + 4] = (byte) (8 / bytes);
    boolean signed = type % 2 == 1;
    GgufMetadata metadata = metadata(file);
    if (type == 4) {
      assertRefused(metadata.path(), () -> metadata.ints("t.ints"), "t.ints", "above 2^31 - 1");
      return;
    }
    int[] ints = metadata.ints("t.ints");
    assertEquals(8 / bytes, ints.length);
    assertEquals(signed ? -1 : (1 << (8 * bytes)) - 1, ints[0]);
    assertEquals(1, ints[4 / bytes]);
  }

  @Test
  void defaults() throws IOException {
    GgufMetadata metadata = metadata(TinyModel.gguf());
    assertEquals("x", metadata.string("t.none", "x"));
    assertEquals(3, metadata.u32("t.none", 3));
    assertEquals(0.5f, metadata.f32("t.none", 0.5f));
    assertTrue(metadata.bool("t.none", true));
    assertFalse(metadata.has("t.none"));
    assertEquals("llama", metadata.string("general.architecture", "x"));
  }

  @Test
  void wrongTypesNameFileAndKey() throws IOException {
    GgufMetadata metadata = metadata(TinyModel.gguf());
    Path file = metadata.path();
    String architecture = "general.architecture";
    assertRefused(file, () -> metadata.u32(architecture), architecture, "expected an integer");
    assertRefused(file, () -> metadata.u32(architecture, 1), architecture, "expected an integer");
    assertRefused(file, () -> metadata.bool(architecture), architecture, "expected a boolean");
    assertRefused(file, () -> metadata.f32(architecture), architecture, "expected a float");
    assertRefused(file, () -> metadata.strings(architecture), architecture, "array of strings");
    assertRefused(file, () -> metadata.ints(architecture), architecture, "array of integers");
    assertRefused(file, () -> metadata.floats(architecture), architecture, "array of floats");
    assertRefused(file, () -> metadata.string("t.none"), "t.none", "expected a string");
    String types = "tokenizer.ggml.token_type";
    assertRefused(file, () -> metadata.strings(types), types, "I32", "strings");
    assertRefused(file, () -> metadata.floats(types), types, "I32", "F32");
    assertRefused(file, () -> metadata.string(types), types, "Array");
    String scores = "tokenizer.ggml.scores";
    assertRefused(file, () -> metadata.ints(scores), scores, "F32");
  }

  @Test
  void tokensMustBeUtf8() throws IOException {
    byte[] file = TinyModel.gguf().put("t.tokens", new String[] {"ok", "<bad>"}).bytes();
    int at = new String(file, StandardCharsets.ISO_8859_1).indexOf("<bad>");
    file[at] = (byte) 0xc0;
    GgufMetadata metadata = metadata(file);
    assertRefused(metadata.path(), () -> metadata.strings("t.tokens"), "t.tokens", "string 1");
  }
}
