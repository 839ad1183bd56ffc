package dev.jangle.format;

import static dev.jangle.format.FormatAssertions.bytes;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufModelTest {
  private static final Path MODELS =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources/models");

  @TempDir Path folder;

  private static Checkpoint model(String name) throws IOException {
    Path path = MODELS.resolve(name);
    return Checkpoint.open(name.startsWith("gguf") ? path.resolve("model.gguf") : path);
  }

  private Checkpoint written(Checkpoint model, DType format) throws IOException {
    Path file = folder.resolve("written.gguf");
    GgufModel.writer(model, format).write(file);
    return Checkpoint.open(file);
  }

  private static GgufMetadata metadata(Checkpoint model) {
    return ((TokenizerSource.Gguf) model.tokenizer()).metadata();
  }

  private static Object comparable(GgufMetadata metadata, String key) {
    return metadata.value(key) instanceof GgufMetadata.Array array
        ? array.type()
            + " "
            + array.count()
            + " "
            + ByteBuffer.wrap(array.payload())
            + Arrays.hashCode(array.payload())
        : metadata.value(key);
  }

  /** The Python package gguf wrote each of these files from the weights of the first. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void keysAndBytesAreThoseOfGguf(DType format) throws IOException {
    try (Checkpoint from = model("gguf_f32");
        Checkpoint expected = model("gguf_" + format.name().toLowerCase(Locale.ROOT));
        Checkpoint found = written(from, format)) {
      assertEquals(expected.names(), found.names());
      for (String name : expected.names()) {
        assertEquals(expected.tensor(name).dtype(), found.tensor(name).dtype(), name);
        assertArrayEquals(bytes(expected.tensor(name)), bytes(found.tensor(name)), name);
      }
      assertEquals(expected.config(), found.config());
      assertEquals(new HashSet<>(metadata(expected).keys()), new HashSet<>(metadata(found).keys()));
      for (String key : metadata(expected).keys()) {
        assertEquals(comparable(metadata(expected), key), comparable(metadata(found), key), key);
      }
    }
  }

  /** What is the same for two ways to say the same. */
  private static ModelConfig said(ModelConfig c) {
    return new ModelConfig(
        c.architecture().replace("mistral", "llama"),
        c.hiddenSize(),
        c.intermediateSize(),
        c.layers(),
        c.heads(),
        c.kvHeads(),
        c.headDim(),
        c.vocabSize(),
        c.contextLength(),
        c.rmsNormEps(),
        c.ropeTheta(),
        new RopeScaling.None(),
        c.tiedEmbeddings(),
        c.qkvBias(),
        c.qkNorm(),
        OptionalInt.empty(),
        Set.of());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama2",
        "llama3",
        "smollm2",
        "mistral",
        "tinyllama",
        "qwen2",
        "qwen3",
        "llama_linear",
        "llama_yarn"
      })
  void foldersBecomeTheSameModel(String name) throws IOException {
    try (Checkpoint from = model(name);
        Checkpoint to = written(from, DType.F32)) {
      assertEquals(said(from.config()), said(to.config()));
      RopeScaling expected = from.config().ropeScaling();
      RopeScaling found = to.config().ropeScaling();
      int headDim = from.config().headDim();
      double theta = from.config().ropeTheta();
      double[] frequencies = expected.inverseFrequencies(theta, headDim);
      double[] foundFrequencies = found.inverseFrequencies(theta, headDim);
      for (int j = 0; j < frequencies.length; j++) {
        assertEquals(frequencies[j], foundFrequencies[j], 1e-6 * frequencies[j]);
      }
      assertEquals(expected.attentionScale(), found.attentionScale(), 1e-6f);
      assertEquals(from.names(), to.names());
      for (String tensor : from.names()) {
        assertArrayEquals(
            TensorFloats.of(from.tensor(tensor)), TensorFloats.of(to.tensor(tensor)), tensor);
      }
    }
  }

  @Test
  void aHeadThatIsTheEmbeddingIsLeftOut() throws IOException {
    SafetensorsBytes writer = TinyModel.safetensors(DType.F32, false, false, false);
    writer.write(folder.resolve("model.safetensors"));
    Files.writeString(
        folder.resolve("config.json"), TinyModel.config("llama", "\"tie_word_embeddings\": true"));
    try (Checkpoint from = Checkpoint.open(folder);
        Checkpoint to = written(from, DType.BF16)) {
      assertTrue(from.has("lm_head.weight"));
      assertTrue(to.config().tiedEmbeddings());
    }
  }

  @Test
  void refusesRowsThatAreNoBlocks() throws IOException {
    try (Checkpoint model = model("llama2")) {
      FormatException e =
          assertThrows(FormatException.class, () -> GgufModel.writer(model, DType.Q4_0));
      assertTrue(
          e.getMessage().contains("down_proj.weight has rows of 104 elements"), e.getMessage());
    }
  }

  @Test
  void refusesYarnWithoutTruncation() throws IOException {
    TinyModel.safetensors(DType.F32, true, false, false).write(folder.resolve("model.safetensors"));
    Files.writeString(
        folder.resolve("config.json"),
        TinyModel.config(
            "llama",
            "\"tie_word_embeddings\": true",
            "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0, \"truncate\": false}"));
    try (Checkpoint model = Checkpoint.open(folder)) {
      FormatException e =
          assertThrows(FormatException.class, () -> GgufModel.writer(model, DType.F32));
      assertTrue(e.getMessage().contains("YaRN without truncation"), e.getMessage());
    }
  }

  /** Every byte of a small file, by the format's description. */
  @Test
  void bytesOfASmallFile() throws IOException {
    Tensor tensor = Tensor.of("t", DType.F32, new long[] {2, 3}, new float[] {1, 2, 3, 4, 5, 6});
    Path file = folder.resolve("small.gguf");
    new GgufWriter()
        .u32("u", 0xFFFF_FFFFL)
        .u32("u", 7)
        .f32("f", 1.5f)
        .bool("b", true)
        .string("s", "é")
        .strings("a", List.of("x", ""))
        .ints("i", new int[] {-1})
        .tensor("t", DType.F32, new long[] {2, 3}, () -> tensor)
        .tensor(
            "v",
            DType.F16,
            new long[] {1},
            () -> Tensor.of("v", DType.F16, new long[] {1}, new float[] {2}))
        .write(file);
    ByteBuffer expected = ByteBuffer.allocate(1000).order(ByteOrder.LITTLE_ENDIAN);
    expected.put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(3);
    expected.putLong(2).putLong(6);
    name(expected, "u").putInt(4).putInt(7);
    name(expected, "f").putInt(6).putFloat(1.5f);
    name(expected, "b").putInt(7).put((byte) 1);
    name(expected, "s").putInt(8).putLong(2).put((byte) 0xC3).put((byte) 0xA9);
    name(expected, "a").putInt(9).putInt(8).putLong(2).putLong(1).put((byte) 'x').putLong(0);
    name(expected, "i").putInt(9).putInt(5).putLong(1).putInt(-1);
    name(expected, "t").putInt(2).putLong(3).putLong(2).putInt(0).putLong(0);
    name(expected, "v").putInt(1).putLong(1).putInt(1).putLong(32);
    expected.position((expected.position() + 31) / 32 * 32);
    for (int i = 1; i <= 6; i++) {
      expected.putFloat(i);
    }
    expected.position(expected.position() + 8).putShort((short) 0x4000);
    expected.position((expected.position() + 31) / 32 * 32);
    byte[] bytes = Arrays.copyOf(expected.array(), expected.position());
    assertArrayEquals(bytes, Files.readAllBytes(file));
  }

  private static ByteBuffer name(ByteBuffer out, String name) {
    return out.putLong(name.length()).put((byte) name.charAt(0));
  }

  @Test
  void aFailureLeavesTheFileOfBefore() throws IOException {
    Path file = folder.resolve("model.gguf");
    Files.writeString(file, "before");
    Path part = folder.resolve("model.gguf.part");
    try (Checkpoint model = model("gguf_f32")) {
      GgufWriter writer = GgufModel.writer(model, DType.Q8_0);
      Files.createSymbolicLink(part, Path.of("/dev/full"));
      IOException e = assertThrows(IOException.class, () -> writer.write(file));
      assertTrue(e.getMessage().startsWith(file + ": cannot be written: "), e.getMessage());
      assertTrue(e.getMessage().contains("No space left on device"), e.getMessage());
      assertEquals("before", Files.readString(file));
      assertTrue(Files.notExists(part));
      Tensor wrong = Tensor.of("w", DType.F32, new long[] {1}, new float[1]);
      writer.tensor("w", DType.F32, new long[] {2}, () -> wrong);
      assertThrows(IllegalArgumentException.class, () -> writer.write(file));
      assertEquals("before", Files.readString(file));
      assertTrue(Files.notExists(part));
      assertThrows(
          IllegalArgumentException.class,
          () -> writer.tensor("w", DType.F32, new long[] {2}, () -> wrong));
      assertThrows(IllegalArgumentException.class, () -> writer.u32("u", -1));
    }
  }
}
