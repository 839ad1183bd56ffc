package dev.jangle.format;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads the header of a mapped GGUF file from front to back. Every count and length is compared
 * with what is left of the header before anything is allocated for it. Not thread-safe.
 */
final class GgufReader {
  /** Headers of real models have up to 30 MB, nearly all of it vocabulary. */
  static final long MAX_HEADER_BYTES = 128L << 20;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private final Path path;
  private final MemorySegment file;
  private final long limit;
  private long position;

  GgufReader(Path path, MemorySegment file) {
    this.path = path;
    this.file = file;
    this.limit = Math.min(file.byteSize(), MAX_HEADER_BYTES);
  }

  /** Where the next value begins, in bytes from the start of the file. */
  long position() {
    return position;
  }

  /** An exception that names the file. */
  FormatException wrong(String problem) {
    return new FormatException(path, problem);
  }

  int u32AsInt(String what) {
    long at = take(4, what);
    return file.get(INT, at);
  }

  long u64(String what) {
    return file.get(LONG, take(8, what));
  }

  /**
   * A count of things that have at least {@code leastBytes} bytes each, and that the rest of the
   * header has room for.
   */
  long count(int leastBytes, long most, String what) {
    long count = u64(what);
    if (count < 0 || count > most || count > (limit - position) / leastBytes) {
      throw wrong(
          what
              + " is "
              + Long.toUnsignedString(count)
              + ", which does not fit the "
              + (limit - position)
              + " bytes that are left (or the limit of "
              + most
              + "); the file is damaged: download it again");
    }
    return count;
  }

  /** A string of at most this many bytes: its length and UTF-8. */
  String string(long most, String what) {
    int length = (int) count(1, most, "the length of " + what);
    byte[] bytes = file.asSlice(take(length, what), length).toArray(ValueLayout.JAVA_BYTE);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new FormatException(path, what + " is not UTF-8; the file is damaged", e);
    }
  }

  /** The type of a value. */
  GgufType type(String what) {
    int code = u32AsInt(what);
    GgufType type = GgufType.of(code);
    if (type == null) {
      throw wrong(
          what + " is " + Integer.toUnsignedString(code) + ", expected 0 to 12 (GGUF value types)");
    }
    return type;
  }

  /** A value, in the classes that {@link GgufMetadata} holds. */
  Object value(GgufType type, String what) {
    return switch (type) {
      case U8 -> (long) Byte.toUnsignedInt(file.get(ValueLayout.JAVA_BYTE, take(1, what)));
      case I8 -> (long) file.get(ValueLayout.JAVA_BYTE, take(1, what));
      case U16 -> (long) Short.toUnsignedInt(file.get(SHORT, take(2, what)));
      case I16 -> (long) file.get(SHORT, take(2, what));
      case U32 -> Integer.toUnsignedLong(u32AsInt(what));
      case I32 -> (long) u32AsInt(what);
      case I64 -> u64(what);
      case U64 -> {
        long value = u64(what);
        if (value < 0) {
          throw wrong(what + " is " + Long.toUnsignedString(value) + ", above 2^63 - 1");
        }
        yield value;
      }
      case F32 -> (double) Float.intBitsToFloat(u32AsInt(what));
      case F64 -> Double.longBitsToDouble(u64(what));
      case BOOL -> bool(what);
      case STRING -> string(MAX_HEADER_BYTES, what);
      case ARRAY -> array(what);
    };
  }

  private boolean bool(String what) {
    byte value = file.get(ValueLayout.JAVA_BYTE, take(1, what));
    if (value != 0 && value != 1) {
      throw wrong(what + " is " + Byte.toUnsignedInt(value) + ", expected 0 or 1 (a boolean)");
    }
    return value == 1;
  }

  private GgufMetadata.Array array(String what) {
    GgufType type = type("the element type of " + what);
    if (type == GgufType.ARRAY) {
      throw wrong(what + " is an array of arrays, which no supported model uses");
    }
    int count = (int) count(type.bytes, Integer.MAX_VALUE, "the element count of " + what);
    long start = position;
    if (type == GgufType.STRING) {
      for (int i = 0; i < count; i++) {
        take(count(1, Integer.MAX_VALUE, "a string's length in " + what), what);
      }
    } else {
      take((long) count * type.bytes, what);
    }
    byte[] payload = file.asSlice(start, position - start).toArray(ValueLayout.JAVA_BYTE);
    return new GgufMetadata.Array(type, count, payload);
  }

  /** Steps over bytes and returns where they begin. */
  private long take(long bytes, String what) {
    if (bytes > limit - position) {
      throw wrong(
          "ends within its header, at "
              + what
              + " (byte "
              + position
              + " of "
              + file.byteSize()
              + "); the file is truncated or damaged: download it again");
    }
    long at = position;
    position += bytes;
    return at;
  }
}
