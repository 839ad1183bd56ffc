package dev.jangle.format;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Writes a GGUF file, version 3, whole or not at all (see {@link AtomicFile}). Tensors are asked
 * for one after another while the file is written, so that only one of them is in memory. A key
 * that is put again takes its new value. One thread at a time.
 */
public final class GgufWriter {
  private static final int ALIGNMENT = 32;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Entry(String name, DType dtype, long[] shape, Supplier<Tensor> tensor) {
    long bytes() {
      return Tensor.bytes(dtype, shape);
    }
  }

  /** Values by key, each with its type before it. */
  private final Map<String, byte[]> values = new LinkedHashMap<>();

  private final Map<String, Entry> entries = new LinkedHashMap<>();

  /** Begins a file without keys and tensors. */
  public GgufWriter() {}

  /** Puts a string. */
  public GgufWriter string(String key, String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    return put(
        key, GgufType.STRING, Long.BYTES + utf8.length, b -> b.putLong(utf8.length).put(utf8));
  }

  /** Puts an integer of 32 bits without a sign. */
  public GgufWriter u32(String key, long value) {
    if (value < 0 || value > 0xFFFF_FFFFL) {
      throw new IllegalArgumentException(key + " is " + value + ", expected 0 to 2^32 - 1");
    }
    return put(key, GgufType.U32, Integer.BYTES, buffer -> buffer.putInt((int) value));
  }

  /** Puts a float of 32 bits. */
  public GgufWriter f32(String key, float value) {
    return put(key, GgufType.F32, Float.BYTES, buffer -> buffer.putFloat(value));
  }

  /** Puts a boolean. */
  public GgufWriter bool(String key, boolean value) {
    return put(key, GgufType.BOOL, 1, buffer -> buffer.put((byte) (value ? 1 : 0)));
  }

  /** Puts an array of strings. */
  public GgufWriter strings(String key, List<String> value) {
    List<byte[]> utf8 = value.stream().map(one -> one.getBytes(StandardCharsets.UTF_8)).toList();
    int bytes = utf8.stream().mapToInt(one -> Long.BYTES + one.length).reduce(0, Math::addExact);
    return array(
        key,
        GgufType.STRING,
        utf8.size(),
        bytes,
        buffer -> utf8.forEach(one -> buffer.putLong(one.length).put(one)));
  }

  /** Puts an array of integers of 32 bits. */
  public GgufWriter ints(String key, int[] value) {
    return array(
        key,
        GgufType.I32,
        value.length,
        Integer.BYTES * value.length,
        buffer -> buffer.asIntBuffer().put(value));
  }

  /** Puts an array of floats of 32 bits. */
  public GgufWriter floats(String key, float[] value) {
    return array(
        key,
        GgufType.F32,
        value.length,
        Float.BYTES * value.length,
        buffer -> buffer.asFloatBuffer().put(value));
  }

  /**
   * Puts a value of another file as llama.cpp's converter writes it: integers with 32 bits, or 64
   * where they need them, and floats with 32.
   */
  GgufWriter copy(String key, Object value) {
    return switch (value) {
      case String text -> string(key, text);
      case Boolean flag -> bool(key, flag);
      case Double number -> f32(key, number.floatValue());
      case Long number when number >= 0 && number <= 0xFFFF_FFFFL -> u32(key, number);
      case Long number when number < 0 && number >= Integer.MIN_VALUE ->
          put(key, GgufType.I32, Integer.BYTES, buffer -> buffer.putInt(number.intValue()));
      case Long number -> put(key, GgufType.I64, Long.BYTES, buffer -> buffer.putLong(number));
      case GgufMetadata.Array array ->
          array(
              key,
              array.type(),
              array.count(),
              array.payload().length,
              buffer -> buffer.put(array.payload()));
      default -> throw new IllegalArgumentException(key + " is a " + value.getClass());
    };
  }

  private interface Content {
    void put(ByteBuffer buffer);
  }

  private GgufWriter array(String key, GgufType type, int count, int bytes, Content content) {
    return put(
        key,
        GgufType.ARRAY,
        Math.addExact(Integer.BYTES + Long.BYTES, bytes),
        buffer -> content.put(buffer.putInt(type.code()).putLong(count)));
  }

  private GgufWriter put(String key, GgufType type, int bytes, Content content) {
    ByteBuffer buffer = ByteBuffer.allocate(Integer.BYTES + bytes).order(LITTLE_ENDIAN);
    content.put(buffer.putInt(type.code()));
    values.put(key, buffer.array());
    return this;
  }

  /**
   * Adds a tensor.
   *
   * @param name llama.cpp's, such as {@code blk.0.attn_q.weight}
   * @param shape sizes, outermost first
   * @param tensor gives a tensor of this format and shape, when it is written
   * @throws IllegalArgumentException for a shape that is none, rows that do not fill whole blocks,
   *     or a name that is there already
   */
  public GgufWriter tensor(String name, DType dtype, long[] shape, Supplier<Tensor> tensor) {
    Tensor.bytes(dtype, shape); // checks the shape
    if (entries.putIfAbsent(name, new Entry(name, dtype, shape.clone(), tensor)) != null) {
      throw new IllegalArgumentException("tensor " + name + " is there twice");
    }
    return this;
  }

  /**
   * Writes the file, in place of one of the same name.
   *
   * @throws IOException naming the file where it cannot be written; what was there before still is
   * @throws IllegalArgumentException where a tensor is not of the format and shape that were said
   */
  public void write(Path file) throws IOException {
    AtomicFile.write(
        file,
        out -> {
          AtomicFile.writeAll(out, header());
          pad(out);
          for (Entry entry : entries.values()) {
            write(entry, out);
            pad(out);
          }
        });
  }

  private ByteBuffer header() {
    int size = 4 + 4 + 8 + 8;
    for (Map.Entry<String, byte[]> value : values.entrySet()) {
      size += Long.BYTES + utf8(value.getKey()).length + value.getValue().length;
    }
    for (Entry entry : entries.values()) {
      size += Long.BYTES + utf8(entry.name()).length + 4 + 8 * entry.shape().length + 4 + 8;
    }
    ByteBuffer header = ByteBuffer.allocate(size).order(LITTLE_ENDIAN);
    header.put(utf8("GGUF")).putInt(3).putLong(entries.size()).putLong(values.size());
    values.forEach((key, value) -> name(header, key).put(value));
    long offset = 0;
    for (Entry entry : entries.values()) {
      name(header, entry.name()).putInt(entry.shape().length);
      for (int d = entry.shape().length - 1; d >= 0; d--) { // GGUF has the innermost first
        header.putLong(entry.shape()[d]);
      }
      header.putInt(GgufNames.type(entry.dtype())).putLong(offset);
      offset += padded(entry.bytes());
    }
    return header.flip();
  }

  private static ByteBuffer name(ByteBuffer header, String name) {
    byte[] bytes = utf8(name);
    return header.putLong(bytes.length).put(bytes);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void write(Entry entry, FileChannel out) throws IOException {
    Tensor tensor = entry.tensor().get();
    if (tensor.dtype() != entry.dtype() || tensor.data().byteSize() != entry.bytes()) {
      throw new IllegalArgumentException(entry + " was given " + tensor);
    }
    for (long from = 0; from < entry.bytes(); ) {
      long n = Math.min(entry.bytes() - from, 1 << 20);
      AtomicFile.writeAll(out, tensor.data().asSlice(from, n).asByteBuffer());
      from += n;
    }
  }

  private static long padded(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void pad(FileChannel out) throws IOException {
    int missing = (int) (padded(out.position()) - out.position());
    AtomicFile.writeAll(out, ByteBuffer.allocate(missing));
  }
}
