package dev.jangle.format;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.StringJoiner;

/** A safetensors file in memory, right or wrong: tensors in the order of their addition. */
public final class SafetensorsBytes {
  private final StringJoiner header = new StringJoiner(",", "{", "}");
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();

  /** Begins a file without tensors. */
  public SafetensorsBytes() {}

  /** Adds a tensor; the dtype is the format's own name, such as F32. */
  public SafetensorsBytes tensor(String name, String dtype, long[] shape, byte[] bytes) {
    int begin = data.size();
    data.writeBytes(bytes);
    header.add(entry(name, dtype, shape, begin, data.size()));
    return this;
  }

  /** Adds the free-form metadata that PyTorch's writer adds. */
  public SafetensorsBytes metadata() {
    header.add("\"__metadata__\":{\"format\":\"pt\"}");
    return this;
  }

  /** A header's entry. */
  public static String entry(String name, String dtype, long[] shape, long begin, long end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(name, dtype, Arrays.toString(shape), begin, end);
  }

  /** The file. */
  public byte[] bytes() {
    return file(header.toString(), data.toByteArray());
  }

  /** A file of any header, padded with spaces to a multiple of 8, and any data. */
  public static byte[] file(String header, byte[] data) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    int padded = (json.length + 7) / 8 * 8;
    ByteBuffer file = ByteBuffer.allocate(8 + padded + data.length);
    file.order(ByteOrder.LITTLE_ENDIAN).putLong(padded).put(json);
    while (file.position() < 8 + padded) {
      file.put((byte) ' ');
    }
    return file.put(data).array();
  }

  /** Writes the file. */
  public Path write(Path file) {
    try {
      return Files.write(file, bytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
