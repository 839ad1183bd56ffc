package dev.jangle.format;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes GGUF files, version 3. The class of a value chooses its type: Integer = u32, Long = u64,
 * Float = f32, Double = f64, Boolean, String, String[], int[] = i32 array, float[] = f32 array.
 */
public final class GgufBytes {
  private static final Map<DType, Integer> TYPES =
      Map.of(
          DType.F32, 0, DType.F16, 1, DType.Q4_0, 2, DType.Q4_1, 3, DType.Q8_0, 8, DType.BF16, 30);

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Entry(String name, int type, List<Long> dimensions, byte[] data) {}

  private final Map<String, Object> values = new LinkedHashMap<>();
  private final List<Entry> entries = new ArrayList<>();
  private int alignment = 32;

  /** Begins a file without keys and tensors. */
  public GgufBytes() {}

  /** Adds or replaces a key. */
  public GgufBytes put(String key, Object value) {
    values.put(key, value);
    return this;
  }

  /** Removes a key. */
  public GgufBytes remove(String key) {
    values.remove(key);
    return this;
  }

  /** Where tensors begin; does not write the key. */
  public GgufBytes align(int bytes) {
    alignment = bytes;
    return this;
  }

  /** Adds a tensor under GGUF's name; the shape is outermost first. */
  public GgufBytes tensor(String name, DType dtype, long[] shape, byte[] data) {
    List<Long> dimensions = new ArrayList<>();
    for (long size : shape) {
      dimensions.add(0, size);
    }
    return tensor(name, TYPES.get(dtype), dimensions, data);
  }

  /** Adds a tensor with ggml's type number and dimensions as in the file: innermost first. */
  public GgufBytes tensor(String name, int type, List<Long> dimensions, byte[] data) {
    entries.add(new Entry(name, type, dimensions, data));
    return this;
  }

  /** Removes a tensor. */
  public GgufBytes removeTensor(String name) {
    entries.removeIf(entry -> entry.name().equals(name));
    return this;
  }

  /** Bytes of everything before the padding that precedes the data. */
  public int headerBytes() {
    return header().length;
  }

  /** The file. */
  public byte[] bytes() {
    byte[] header = header();
    byte[] bytes = new byte[padded(header.length) + dataBytes()];
    ByteBuffer file = ByteBuffer.wrap(bytes).put(header);
    for (Entry entry : entries) {
      file.position(padded(file.position()));
      file.put(entry.data());
    }
    return bytes;
  }

  /** Writes the file. */
  public Path write(Path file) {
    try {
      return Files.write(file, bytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * What llama.cpp's converter does to query and key weights of llama models: a head's rows,
   * [2][headDim / 2], become [headDim / 2][2].
   */
  public static byte[] permute(byte[] weight, int rows, int headDim) {
    int rowBytes = weight.length / rows;
    byte[] permuted = new byte[weight.length];
    for (int head = 0; head < rows / headDim; head++) {
      for (int part = 0; part < 2; part++) {
        for (int i = 0; i < headDim / 2; i++) {
          int from = head * headDim + part * (headDim / 2) + i;
          int to = head * headDim + i * 2 + part;
          System.arraycopy(weight, from * rowBytes, permuted, to * rowBytes, rowBytes);
        }
      }
    }
    return permuted;
  }

  private int dataBytes() {
    int bytes = 0;
    for (Entry entry : entries) {
      bytes = padded(bytes) + entry.data().length;
    }
    return bytes;
  }

  private int padded(int position) {
    return (position + alignment - 1) / alignment * alignment;
  }

  private byte[] header() {
    ByteBuffer out = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    out.put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(3);
    out.putLong(entries.size()).putLong(values.size());
    values.forEach(
        (key, value) -> {
          string(out, key);
          value(out, value);
        });
    int offset = 0;
    for (Entry entry : entries) {
      string(out, entry.name());
      out.putInt(entry.dimensions().size());
      entry.dimensions().forEach(out::putLong);
      out.putInt(entry.type()).putLong(offset);
      offset = padded(offset + entry.data().length);
    }
    byte[] header = new byte[out.position()];
    out.flip().get(header);
    return header;
  }

  private static void value(ByteBuffer out, Object value) {
    switch (value) {
      case Integer v -> out.putInt(4).putInt(v);
      case Float v -> out.putInt(6).putFloat(v);
      case Boolean v -> out.putInt(7).put((byte) (v ? 1 : 0));
      case String v -> string(out.putInt(8), v);
      case Long v -> out.putInt(10).putLong(v);
      case Double v -> out.putInt(12).putDouble(v);
      case int[] v -> {
        out.putInt(9).putInt(5).putLong(v.length);
        for (int i : v) {
          out.putInt(i);
        }
      }
      case float[] v -> {
        out.putInt(9).putInt(6).putLong(v.length);
        for (float f : v) {
          out.putFloat(f);
        }
      }
      case String[] v -> {
        out.putInt(9).putInt(8).putLong(v.length);
        for (String s : v) {
          string(out, s);
        }
      }
      default -> throw new IllegalArgumentException("no GGUF type for " + value.getClass());
    }
  }

  private static void string(ByteBuffer out, String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    out.putLong(bytes.length).put(bytes);
  }
}
