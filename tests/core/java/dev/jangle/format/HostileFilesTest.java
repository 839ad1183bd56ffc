package dev.jangle.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.jangle.text.Tokenizer;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Truncated and mutated files: each opens as a whole model, or is refused by an exception that
 * names its file, and no number in a header makes the reader allocate.
 */
class HostileFilesTest {
  /** Heap that one attempt may use: the file's own header a few times, and Jackson's buffers. */
  private static final long MOST_HEAP = 4 << 20;

  private static final long[] INTERESTING = {
    0,
    1,
    -1,
    31,
    33,
    255,
    1 << 16,
    (1 << 16) + 1,
    Integer.MAX_VALUE,
    1L << 31,
    1L << 32,
    1L << 40,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    Long.MAX_VALUE - 31,
    Long.MAX_VALUE / 4
  };

  @TempDir Path folder;

  /** Loads the classes that reading needs, which uses heap too. */
  @BeforeAll
  static void warmUp(@TempDir Path warm) throws IOException {
    Checkpoint.open(TinyModel.gguf().write(warm.resolve("model.gguf"))).close();
    Files.writeString(warm.resolve("config.json"), TinyModel.config("llama"));
    TinyModel.safetensors(DType.F32, false, false, false).write(warm.resolve("model.safetensors"));
    Checkpoint.open(warm).close();
  }

  /** Opens and touches every tensor; returns whether that went well. */
  private boolean opens(Path model) throws ReflectiveOperationException {
    long before = HeapMeter.allocatedBytes();
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      for (String name : checkpoint.names()) {
        Tensor tensor = checkpoint.tensor(name);
        assertEquals(tensor.dtype().bytes(tensor.elements()), tensor.data().byteSize());
        byte last = tensor.data().get(ValueLayout.JAVA_BYTE, tensor.data().byteSize() - 1);
        assertEquals(last, tensor.data().get(ValueLayout.JAVA_BYTE, tensor.data().byteSize() - 1));
      }
      return true;
    } catch (FormatException | IOException e) {
      assertTrue(e.getMessage().startsWith(model.toString()), e::toString);
      return false;
    } finally {
      long used = HeapMeter.allocatedBytes() - before;
      if (used > MOST_HEAP) {
        fail("used " + used + " bytes of heap");
      }
    }
  }

  @Test
  void truncatedGguf() throws Exception {
    GgufBytes writer = TinyModel.gguf();
    truncate(
        writer.write(folder.resolve("model.gguf")),
        folder.resolve("model.gguf"),
        writer.headerBytes());
  }

  @Test
  void truncatedSafetensors() throws Exception {
    Files.writeString(folder.resolve("config.json"), TinyModel.config("llama"));
    Path file =
        TinyModel.safetensors(DType.F32, false, false, false)
            .write(folder.resolve("model.safetensors"));
    int header = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).getInt();
    truncate(file, folder, 8 + header);
  }

  /** Cuts at every byte of the header and every 64 bytes and their neighbours of the data. */
  private void truncate(Path file, Path model, int headerBytes) throws Exception {
    assertTrue(opens(model));
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      for (long size = channel.size() - 1; size >= 0; size--) {
        if (size <= headerBytes + 64 || size % 64 <= 1 || size % 64 == 63) {
          channel.truncate(size);
          assertEquals(false, opens(model), "opens when cut to " + size);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen3"})
  void mutatedGguf(String architecture) throws Exception {
    boolean qwen3 = architecture.equals("qwen3");
    GgufBytes writer = TinyModel.gguf(architecture, DType.Q4_1, qwen3, false, qwen3);
    byte[] file = writer.put("general.alignment", 32).bytes();
    mutate(
        folder.resolve("model.gguf"),
        folder.resolve("model.gguf"),
        file,
        writer.headerBytes(),
        3000,
        1);
  }

  /** A tokenizer of a mutated file opens, or is refused like the rest of it. */
  @ParameterizedTest
  @ValueSource(strings = {"llama", "gpt2"})
  @Timeout(120)
  void mutatedVocabulary(String kind) throws Exception {
    Path file = folder.resolve("model.gguf");
    GgufBytes writer = vocabulary(kind, "ab");
    byte[] good = writer.bytes();
    Files.write(file, good);
    assertTrue(opensTokenizer(file));
    Random random = new Random(5);
    for (int i = 0; i < 1500; i++) {
      byte[] bad = mutate(good.clone(), writer.headerBytes(), random);
      Files.write(file, bad);
      try {
        opensTokenizer(file);
      } catch (Throwable e) {
        throw new AssertionError("case " + i, e);
      }
    }
  }

  @Test
  @Timeout(60)
  void aTokenOfAMillionCharactersTakesNoTime() throws Exception {
    Path file = vocabulary("llama", "ab".repeat(500_000)).write(folder.resolve("model.gguf"));
    assertTrue(opensTokenizer(file));
  }

  /** A vocabulary of as many tokens as the model has, among them this one. */
  private static GgufBytes vocabulary(String kind, String token) {
    String[] tokens = new String[TinyModel.VOCAB];
    float[] scores = new float[tokens.length];
    int[] types = new int[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = String.valueOf((char) ('a' + i));
      types[i] = 1;
    }
    tokens[19] = token;
    return TinyModel.gguf()
        .put("tokenizer.ggml.model", kind)
        .put("tokenizer.ggml.pre", "gpt-2")
        .put("tokenizer.ggml.merges", new String[] {"a b"})
        .put("tokenizer.ggml.tokens", tokens)
        .put("tokenizer.ggml.scores", scores)
        .put("tokenizer.ggml.token_type", types);
  }

  private static boolean opensTokenizer(Path model) {
    try (Checkpoint checkpoint = Checkpoint.open(model);
        Tokenizer tokenizer = Tokenizer.open(checkpoint.tokenizer())) {
      return tokenizer.vocabSize() > 0;
    } catch (FormatException | IOException e) {
      assertTrue(e.getMessage().startsWith(model.toString()), e::toString);
      return false;
    }
  }

  @Test
  void mutatedSafetensors() throws Exception {
    Files.writeString(folder.resolve("config.json"), TinyModel.config("llama"));
    byte[] file = TinyModel.safetensors(DType.BF16, false, false, false).bytes();
    int header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt();
    mutate(folder.resolve("model.safetensors"), folder, file, 8 + header, 3000, 2);
  }

  @Test
  void mutatedConfig() throws Exception {
    TinyModel.safetensors(DType.BF16, false, false, false)
        .write(folder.resolve("model.safetensors"));
    byte[] json =
        TinyModel.config(
                "llama",
                "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0}",
                "\"eos_token_id\": [1, 2]")
            .getBytes(StandardCharsets.UTF_8);
    mutate(folder.resolve("config.json"), folder, json, json.length, 3000, 3);
  }

  @Test
  void mutatedIndex() throws Exception {
    Files.writeString(folder.resolve("config.json"), TinyModel.config("llama"));
    TinyModel.safetensors(DType.BF16, false, false, false).write(folder.resolve("all.safetensors"));
    StringBuilder index = new StringBuilder("{\"weight_map\":{");
    TinyModel.shapes(false, false, false)
        .keySet()
        .forEach(name -> index.append('"').append(name).append("\":\"all.safetensors\","));
    index.setLength(index.length() - 1);
    byte[] json = index.append("}}").toString().getBytes(StandardCharsets.UTF_8);
    mutate(folder.resolve("model.safetensors.index.json"), folder, json, json.length, 1500, 4);
  }

  private void mutate(Path file, Path model, byte[] good, int headerBytes, int cases, int seed)
      throws Exception {
    Files.write(file, good);
    assertTrue(opens(model));
    Random random = new Random(seed);
    int refused = 0;
    for (int i = 0; i < cases; i++) {
      byte[] bad = good.clone();
      for (int edits = random.nextInt(3); edits >= 0; edits--) {
        bad = mutate(bad, Math.min(headerBytes, bad.length), random);
      }
      Files.write(file, bad);
      try {
        refused += opens(model) ? 0 : 1;
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + ", case " + i, e);
      }
    }
    assertTrue(refused > cases / 2, refused + " of " + cases + " were refused");
  }

  private static byte[] mutate(byte[] file, int headerBytes, Random random) {
    int at = random.nextInt(headerBytes);
    int length = Math.min(1 + random.nextInt(16), headerBytes - at);
    switch (random.nextInt(6)) {
      case 0 -> file[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> file[at] = (byte) random.nextInt(256);
      case 2 -> {
        ByteBuffer value = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        value.putLong(INTERESTING[random.nextInt(INTERESTING.length)]);
        System.arraycopy(value.array(), 0, file, at, Math.min(8, headerBytes - at));
      }
      case 3 -> {
        byte[] digits = "99999999999999999999".getBytes(StandardCharsets.UTF_8);
        System.arraycopy(digits, 0, file, at, length);
      }
      case 4 -> {
        return splice(file, at, at + length, new byte[0]);
      }
      default -> {
        int from = random.nextInt(headerBytes - length + 1);
        return splice(file, at, at, Arrays.copyOfRange(file, from, from + length));
      }
    }
    return file;
  }

  /** The file with a range replaced. */
  private static byte[] splice(byte[] file, int from, int to, byte[] by) {
    ByteBuffer out = ByteBuffer.allocate(file.length - (to - from) + by.length);
    out.put(file, 0, from).put(by).put(file, to, file.length - to);
    return out.array();
  }

  /** A sparse file of 8 GiB, so that large numbers are within the file. */
  @Test
  void hugeNumbersInAHugeFile() throws Exception {
    Path file = folder.resolve("model.gguf");
    GgufBytes writer = TinyModel.gguf().put("t.big", new int[] {1, 2, 3});
    byte[] good = writer.bytes();
    int count =
        new String(good, StandardCharsets.ISO_8859_1).indexOf("t.big") + "t.big".length() + 8;
    for (long value : new long[] {1 << 28, Integer.MAX_VALUE, 1L << 31, 1L << 32}) {
      byte[] bad = good.clone();
      ByteBuffer.wrap(bad).order(ByteOrder.LITTLE_ENDIAN).putLong(count, value);
      Files.write(file, bad);
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.write(ByteBuffer.allocate(1), (8L << 30) - 1);
      }
      assertEquals(false, opens(file), "opens with a count of " + value);
    }
  }
}
