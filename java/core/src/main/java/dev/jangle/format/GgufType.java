package dev.jangle.format;

import java.util.List;

/** Types of GGUF values; the position is the file's number. */
enum GgufType {
  U8(1),
  I8(1),
  U16(2),
  I16(2),
  U32(4),
  I32(4),
  F32(4),
  BOOL(1),
  STRING(8),
  ARRAY(12),
  U64(8),
  I64(8),
  F64(8);

  private static final GgufType[] BY_CODE = values();

  /** Bytes of a value; the least of a string (its length) and of an array (type and count). */
  final int bytes;

  GgufType(int bytes) {
    this.bytes = bytes;
  }

  /** The file's number. */
  int code() {
    return List.of(BY_CODE).indexOf(this);
  }

  /** The type of this number, or null. */
  static GgufType of(int code) {
    return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
  }
}
