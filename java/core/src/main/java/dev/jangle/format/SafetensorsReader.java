package dev.jangle.format;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.util.ByteBufferBackedInputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a safetensors file: the header's length (u64), the header (JSON), the tensors. They must
 * fill the rest of the file without gaps or overlap, as the format's own reader demands.
 */
final class SafetensorsReader {
  /** The format's own limit. */
  private static final long MAX_HEADER_BYTES = 100_000_000;

  private static final int MAX_TENSORS = 1 << 16;
  private static final int MAX_DIMENSIONS = 8;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);

  /** A tensor's place: from {@code begin} to {@code end}, in bytes from the header's end. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Entry(String name, DType dtype, long[] shape, long begin, long end) {}

  private final Path path;
  private final MemorySegment file;
  private final Map<String, String> metadata = new LinkedHashMap<>();

  private SafetensorsReader(Path path, MemorySegment file) {
    this.path = path;
    this.file = file;
  }

  /**
   * What a file holds.
   *
   * @param metadata free-form texts
   * @param tensors by name, in the order of their data
   */
  record Contents(Map<String, String> metadata, Map<String, Tensor> tensors) {}

  /** Maps a file into the arena. */
  static Contents read(Path path, Arena arena) throws IOException {
    return new SafetensorsReader(path, FileKind.map(path, arena)).read();
  }

  private Contents read() {
    if (file.byteSize() < 10 || file.get(ValueLayout.JAVA_BYTE, 8) != '{') {
      throw wrong("is not a safetensors file; " + FileKind.looksLike(file));
    }
    long length = file.get(LONG, 0);
    long room = file.byteSize() - Long.BYTES;
    if (length < 2 || length > MAX_HEADER_BYTES || length > room) {
      throw wrong(
          "has a header of "
              + Long.toUnsignedString(length)
              + " bytes, expected 2 to "
              + Math.min(room, MAX_HEADER_BYTES)
              + "; the file is truncated or damaged: download it again");
    }
    List<Entry> entries;
    MemorySegment header = file.asSlice(Long.BYTES, length);
    try (JsonParser parser =
        Json.FACTORY.createParser(new ByteBufferBackedInputStream(header.asByteBuffer()))) {
      entries = header(parser);
    } catch (IOException e) {
      throw Json.notJson(path, e);
    }
    return new Contents(metadata, place(entries, Long.BYTES + length));
  }

  private List<Entry> header(JsonParser parser) throws IOException {
    expect(parser.nextToken(), JsonToken.START_OBJECT, "the header");
    List<Entry> entries = new ArrayList<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      expect(parser.nextToken(), JsonToken.START_OBJECT, name);
      if (name.equals("__metadata__")) {
        metadata(parser);
        continue;
      }
      if (entries.size() == MAX_TENSORS) {
        throw wrong("has more than " + MAX_TENSORS + " tensors, which is not plausible");
      }
      entries.add(entry(name, parser));
    }
    Json.expectEnd(path, parser);
    return entries;
  }

  private void metadata(JsonParser parser) throws IOException {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String key = parser.currentName();
      expect(parser.nextToken(), JsonToken.VALUE_STRING, "__metadata__." + key);
      metadata.put(key, parser.getText());
    }
  }

  private Entry entry(String name, JsonParser parser) throws IOException {
    String dtype = null;
    long[] shape = null;
    long[] offsets = null;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String field = parser.currentName();
      JsonToken value = parser.nextToken();
      switch (field) {
        case "dtype" -> {
          expect(value, JsonToken.VALUE_STRING, name + "'s dtype");
          dtype = parser.getText();
        }
        case "shape" -> shape = numbers(parser, MAX_DIMENSIONS, name + "'s shape");
        case "data_offsets" -> offsets = numbers(parser, 2, name + "'s data_offsets");
        default -> throw wrong("tensor " + name + " has an unknown field " + field);
      }
    }
    if (dtype == null || shape == null || offsets == null || offsets.length != 2) {
      throw wrong("tensor " + name + " needs dtype, shape and two data_offsets");
    }
    return new Entry(name, dtype(name, dtype), shape, offsets[0], offsets[1]);
  }

  private DType dtype(String name, String dtype) {
    return switch (dtype) {
      case "F32" -> DType.F32;
      case "F16" -> DType.F16;
      case "BF16" -> DType.BF16;
      default ->
          throw wrong(
              "tensor "
                  + name
                  + " has dtype "
                  + dtype
                  + "; supported: F32, F16, BF16. Save the model again in one of them");
    };
  }

  private long[] numbers(JsonParser parser, int most, String what) throws IOException {
    expect(parser.currentToken(), JsonToken.START_ARRAY, what);
    long[] numbers = new long[most];
    int count = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      expect(parser.currentToken(), JsonToken.VALUE_NUMBER_INT, what);
      if (count == most) {
        throw wrong(what + " has more than " + most + " numbers");
      }
      numbers[count] = parser.getLongValue();
      if (numbers[count++] < 0) {
        throw wrong(what + " has a negative number");
      }
    }
    return Arrays.copyOf(numbers, count);
  }

  private Map<String, Tensor> place(List<Entry> entries, long start) {
    List<Entry> inOrder = new ArrayList<>(entries);
    inOrder.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    long end = 0;
    for (Entry entry : inOrder) {
      String what = "tensor " + entry.name();
      if (entry.begin() != end || entry.end() < end) {
        throw wrong(
            what
                + " has data_offsets "
                + entry.begin()
                + " to "
                + entry.end()
                + ", expected them to begin at "
                + end
                + ", where the tensor before ends; the file is damaged");
      }
      long bytes = bytes(entry);
      if (bytes != entry.end() - entry.begin()) {
        throw wrong(
            what
                + " has "
                + (entry.end() - entry.begin())
                + " bytes, expected "
                + bytes
                + " for "
                + entry.dtype()
                + " "
                + Arrays.toString(entry.shape()));
      }
      if (entry.end() > file.byteSize() - start) {
        throw wrong(
            what
                + " ends at byte "
                + entry.end()
                + " of the data, the file has "
                + (file.byteSize() - start)
                + "; it is truncated: download it again");
      }
      if ((start + entry.begin()) % entry.dtype().alignment() != 0) {
        throw wrong(
            what
                + " is not aligned to "
                + entry.dtype().alignment()
                + " bytes; save the model again with a current safetensors library");
      }
      MemorySegment data = file.asSlice(start + entry.begin(), bytes);
      tensors.put(entry.name(), new Tensor(entry.name(), entry.dtype(), entry.shape(), data));
      end = entry.end();
    }
    if (end != file.byteSize() - start) {
      throw wrong(
          "has "
              + (file.byteSize() - start)
              + " bytes of data, its tensors have "
              + end
              + "; the file is damaged");
    }
    return tensors;
  }

  private long bytes(Entry entry) {
    try {
      return Tensor.bytes(entry.dtype(), entry.shape());
    } catch (IllegalArgumentException e) {
      throw new FormatException(path, "tensor " + entry.name() + " " + e.getMessage(), e);
    }
  }

  private void expect(JsonToken found, JsonToken expected, String what) {
    if (found != expected) {
      throw wrong(what + " is " + found + " in the header's JSON, expected " + expected);
    }
  }

  private FormatException wrong(String problem) {
    return new FormatException(path, problem);
  }
}
