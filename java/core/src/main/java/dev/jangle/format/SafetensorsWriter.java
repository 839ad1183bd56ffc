package dev.jangle.format;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Writes a safetensors file, whole or not at all (see {@link AtomicFile}). Tensors are asked for
 * one after another while the file is written, so that only one of them is in memory. One thread at
 * a time.
 *
 * <pre>{@code
 * new SafetensorsWriter()
 *     .metadata("format", "pt")
 *     .tensor("model.norm.weight", DType.BF16, new long[] {576}, () -> values)
 *     .write(folder.resolve("model.safetensors"));
 * }</pre>
 */
public final class SafetensorsWriter {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** What a header's length is a multiple of, for the alignment of the data. */
  private static final int ALIGNMENT = 8;

  private static final int BUFFER_BYTES = 1 << 20;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Entry(String name, DType dtype, long[] shape, Supplier<float[]> values) {
    long bytes() {
      return Tensor.bytes(dtype, shape);
    }
  }

  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  /** Begins a file without tensors. */
  public SafetensorsWriter() {}

  /** Adds free-form metadata; {@code format: pt} is what Hugging Face's loaders ask for. */
  public SafetensorsWriter metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /**
   * Adds a tensor.
   *
   * @param dtype F32, F16 or BF16: to the last two values are rounded to the nearest, ties to even
   * @param shape sizes, outermost first; at least one, all positive
   * @param values gives the elements in row-major order, when they are written
   * @throws IllegalArgumentException for another format, a shape that is none, or a name that is
   *     there already
   */
  public SafetensorsWriter tensor(
      String name, DType dtype, long[] shape, Supplier<float[]> values) {
    if (dtype.quantized()) {
      throw new IllegalArgumentException(
          "%s: a safetensors file has no %s; expected F32, F16 or BF16".formatted(name, dtype));
    }
    Tensor.bytes(dtype, shape); // checks the shape
    if (entries.putIfAbsent(name, new Entry(name, dtype, shape.clone(), values)) != null) {
      throw new IllegalArgumentException("tensor " + name + " is there twice");
    }
    return this;
  }

  /**
   * Writes the file, in place of one of the same name.
   *
   * @throws IOException naming the file where it cannot be written; what was there before still is
   * @throws IllegalArgumentException where a tensor gives another number of values than its shape
   *     has; nothing was written then
   */
  public void write(Path file) throws IOException {
    // Four-byte formats first: then each tensor is aligned to its elements.
    List<Entry> inOrder = new ArrayList<>(entries.values());
    inOrder.sort(Comparator.comparingInt(entry -> -entry.dtype().alignment()));
    AtomicFile.write(
        file,
        out -> {
          AtomicFile.writeAll(out, header(inOrder));
          ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).order(LITTLE_ENDIAN);
          for (Entry entry : inOrder) {
            write(entry, buffer, out);
          }
        });
  }

  private ByteBuffer header(List<Entry> inOrder) throws IOException {
    ObjectNode header = MAPPER.createObjectNode();
    if (!metadata.isEmpty()) {
      metadata.forEach(header.putObject("__metadata__")::put);
    }
    long end = 0;
    for (Entry entry : inOrder) {
      ObjectNode tensor = header.putObject(entry.name()).put("dtype", entry.dtype().name());
      var shape = tensor.putArray("shape");
      for (long size : entry.shape()) {
        shape.add(size);
      }
      long begin = end;
      end += entry.bytes();
      tensor.putArray("data_offsets").add(begin).add(end);
    }
    byte[] json = MAPPER.writeValueAsString(header).getBytes(StandardCharsets.UTF_8);
    int length = Math.ceilDiv(json.length, ALIGNMENT) * ALIGNMENT;
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + length).order(LITTLE_ENDIAN);
    bytes.putLong(length).put(json);
    while (bytes.hasRemaining()) {
      bytes.put((byte) ' ');
    }
    return bytes.flip();
  }

  private static void write(Entry entry, ByteBuffer buffer, FileChannel out) throws IOException {
    float[] values = entry.values().get();
    if (entry.dtype().bytes(values.length) != entry.bytes()) {
      throw new IllegalArgumentException(
          "tensor %s of %,d bytes was given %,d values"
              .formatted(entry.name(), entry.bytes(), values.length));
    }
    int perBuffer = BUFFER_BYTES / entry.dtype().blockBytes();
    for (int from = 0, to; from < values.length; from = to) {
      to = from + Math.min(perBuffer, values.length - from);
      buffer.clear();
      switch (entry.dtype()) {
        case F32 -> {
          buffer.asFloatBuffer().put(values, from, to - from);
          buffer.position((to - from) * Float.BYTES);
        }
        case F16 -> {
          for (int i = from; i < to; i++) {
            buffer.putShort(Float.floatToFloat16(values[i]));
          }
        }
        case BF16 -> {
          for (int i = from; i < to; i++) {
            buffer.putShort(bfloat16(values[i]));
          }
        }
        case Q8_0, Q4_0, Q4_1 -> throw new IllegalArgumentException(entry.dtype().name());
      }
      AtomicFile.writeAll(out, buffer.flip());
    }
  }

  /** The nearest BF16, ties to even; a NaN stays one. */
  static short bfloat16(float value) {
    int bits = Float.floatToIntBits(value); // one NaN, whose upper half is a NaN, too
    return (short) ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16);
  }
}
