package dev.jangle.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;

/**
 * The key-value pairs of a GGUF file. A getter throws a {@link FormatException} that names file and
 * key when the key is missing or has another type. Immutable, thread-safe, and independent of the
 * file once read.
 */
public final class GgufMetadata {
  /**
   * An array as it lies in the file; it was walked, so that its strings lie within the payload.
   *
   * @param type type of the elements, one of {@link GgufType}, never an array
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Array(GgufType type, int count, byte[] payload) {}

  private final Path path;
  private final Map<String, Object> values;

  /**
   * Wraps values of these classes: Long (all integers), Double (both floats), Boolean, String,
   * {@link Array}.
   */
  GgufMetadata(Path path, Map<String, Object> values) {
    this.path = path;
    this.values = values;
  }

  /** The file. */
  public Path path() {
    return path;
  }

  /** All keys, in the file's order. */
  public Set<String> keys() {
    return Collections.unmodifiableSet(values.keySet());
  }

  /** Whether the file has this key. */
  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** A string. */
  public String string(String key) {
    return get(key, String.class, "a string");
  }

  /** A string, or {@code missing} where the file does not have the key. */
  public String string(String key, String missing) {
    return has(key) ? string(key) : missing;
  }

  /** An integer of any width, from 0 to 2^32 - 1. */
  public long u32(String key) {
    long value = get(key, Long.class, "an integer");
    if (value < 0 || value > 0xFFFF_FFFFL) {
      throw wrong(key, "is " + value + ", expected 0 to 2^32 - 1");
    }
    return value;
  }

  /** An integer from 0 to 2^32 - 1, or {@code missing} where the file does not have the key. */
  public long u32(String key, long missing) {
    return has(key) ? u32(key) : missing;
  }

  /** A boolean. */
  public boolean bool(String key) {
    return get(key, Boolean.class, "a boolean");
  }

  /** A boolean, or {@code missing} where the file does not have the key. */
  public boolean bool(String key, boolean missing) {
    return has(key) ? bool(key) : missing;
  }

  /** A float; a 64-bit one is rounded. */
  public float f32(String key) {
    return get(key, Double.class, "a float").floatValue();
  }

  /** A float, or {@code missing} where the file does not have the key. */
  public float f32(String key, float missing) {
    return has(key) ? f32(key) : missing;
  }

  /** An array of strings, decoded anew by each call. */
  public String[] strings(String key) {
    Array array = array(key, "an array of strings");
    if (array.type() != GgufType.STRING) {
      throw wrong(key, "is an array of " + array.type() + ", expected strings");
    }
    ByteBuffer payload = buffer(array);
    String[] strings = new String[array.count()];
    for (int i = 0; i < strings.length; i++) {
      int length = Math.toIntExact(payload.getLong());
      try {
        strings[i] =
            StandardCharsets.UTF_8
                .newDecoder()
                .decode(payload.slice(payload.position(), length))
                .toString();
      } catch (CharacterCodingException e) {
        throw new FormatException(path, "key " + key + ": string " + i + " is not UTF-8", e);
      }
      payload.position(payload.position() + length);
    }
    return strings;
  }

  /** An array of integers of at most 32 bits, decoded anew by each call. */
  public int[] ints(String key) {
    Array array = array(key, "an array of integers");
    ByteBuffer payload = buffer(array);
    int[] ints = new int[array.count()];
    for (int i = 0; i < ints.length; i++) {
      ints[i] =
          switch (array.type()) {
            case U8 -> Byte.toUnsignedInt(payload.get());
            case I8 -> payload.get();
            case U16 -> Short.toUnsignedInt(payload.getShort());
            case I16 -> payload.getShort();
            case I32 -> payload.getInt();
            case U32 -> {
              int value = payload.getInt();
              if (value < 0) {
                throw wrong(
                    key,
                    "element " + i + " is " + Integer.toUnsignedLong(value) + ", above 2^31 - 1");
              }
              yield value;
            }
            default ->
                throw wrong(
                    key, "is an array of " + array.type() + ", expected integers of <= 32 bits");
          };
    }
    return ints;
  }

  /** An array of 32-bit floats, decoded anew by each call. */
  public float[] floats(String key) {
    Array array = array(key, "an array of floats");
    if (array.type() != GgufType.F32) {
      throw wrong(key, "is an array of " + array.type() + ", expected F32");
    }
    float[] floats = new float[array.count()];
    buffer(array).asFloatBuffer().get(floats);
    return floats;
  }

  /** A value in the class that it is kept in. */
  Object value(String key) {
    return get(key, Object.class, "a value");
  }

  /** Whether the key holds an array. */
  boolean isArray(String key) {
    return values.get(key) instanceof Array;
  }

  /** An exception that names file and key. */
  FormatException wrong(String key, String problem) {
    return new FormatException(path, "key " + key + " " + problem);
  }

  private Array array(String key, String expected) {
    return get(key, Array.class, expected);
  }

  private static ByteBuffer buffer(Array array) {
    return ByteBuffer.wrap(array.payload()).order(ByteOrder.LITTLE_ENDIAN);
  }

  private <T> T get(String key, Class<T> type, String expected) {
    Object value = values.get(key);
    if (value == null) {
      throw new FormatException(path, "has no key " + key + ", expected " + expected);
    }
    if (!type.isInstance(value)) {
      String found = value instanceof Array ? "Array" : value.getClass().getSimpleName();
      throw wrong(key, "is of type " + found + ", expected " + expected);
    }
    return type.cast(value);
  }
}
