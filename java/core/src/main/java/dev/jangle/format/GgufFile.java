package dev.jangle.format;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * A GGUF file, version 3, little endian: magic, version, counts, key-value pairs, one entry per
 * tensor, padding, tensor data.
 */
final class GgufFile {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final int MAX_ENTRIES = 1 << 16;
  private static final int MAX_NAME_BYTES = 1024;
  private static final int LEAST_PAIR_BYTES = 8 + 4 + 1;
  private static final int LEAST_ENTRY_BYTES = 8 + 4 + 8 + 4 + 8;
  private static final String ROPE_FACTORS = "rope_freqs.weight";

  /** A tensor's place: {@code offset} is in bytes from the start of the data. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Entry(String name, DType dtype, long[] shape, long bytes, long offset) {}

  private final Path path;
  private final MemorySegment file;
  private final GgufReader reader;

  private GgufFile(Path path, MemorySegment file) {
    this.path = path;
    this.file = file;
    this.reader = new GgufReader(path, file);
  }

  /** Maps a file into the arena, which the checkpoint closes. */
  static Checkpoint read(Path path, Arena arena) throws IOException {
    return new GgufFile(path, FileKind.map(path, arena)).read(arena);
  }

  private Checkpoint read(Arena arena) {
    if (file.byteSize() < 4 || reader.u32AsInt("the magic") != MAGIC) {
      throw reader.wrong("is not a GGUF file; " + FileKind.looksLike(file));
    }
    checkVersion(reader.u32AsInt("the version"));
    long tensorCount = reader.count(LEAST_ENTRY_BYTES, MAX_ENTRIES, "the number of tensors");
    long pairCount = reader.count(LEAST_PAIR_BYTES, MAX_ENTRIES, "the number of keys");
    GgufMetadata metadata = readMetadata(pairCount);
    GgufConfig.checkKind(metadata);
    List<Entry> entries = readEntries(tensorCount);
    Map<String, Tensor> tensors = place(entries, alignment(metadata));
    Tensor ropeFactors = tensors.remove(ROPE_FACTORS);
    Map<String, Tensor> renamed = GgufNames.rename(path, tensors);
    ModelConfig config = GgufConfig.read(metadata, renamed, ropeFactors);
    ModelLayout.check(path, config, renamed);
    UnaryOperator<Tensor> toHfLayout =
        config.architecture().equals("llama")
            ? tensor -> RopeRows.unpermute(config, tensor)
            : UnaryOperator.identity();
    return new MappedCheckpoint(
        path, "GGUF v3", config, new TokenizerSource.Gguf(metadata), renamed, toHfLayout, arena);
  }

  private void checkVersion(int version) {
    if (version == 3) {
      return;
    }
    if (Integer.reverseBytes(version) == 3) {
      throw reader.wrong("is a big-endian GGUF file; convert the model again, as little endian");
    }
    throw reader.wrong(
        "is GGUF version "
            + Integer.toUnsignedString(version)
            + ", expected 3; convert the model again with current tools");
  }

  private GgufMetadata readMetadata(long count) {
    Map<String, Object> values = new LinkedHashMap<>();
    for (long i = 0; i < count; i++) {
      String key = reader.string(MAX_NAME_BYTES, "the name of key " + i);
      String what = "key " + key;
      Object value = reader.value(reader.type("the type of " + what), what);
      if (values.put(key, value) != null) {
        throw reader.wrong(what + " appears twice; the file is damaged");
      }
    }
    return new GgufMetadata(path, values);
  }

  private List<Entry> readEntries(long count) {
    List<Entry> entries = new ArrayList<>();
    for (long i = 0; i < count; i++) {
      String name = reader.string(MAX_NAME_BYTES, "the name of tensor " + i);
      String what = "tensor " + name;
      int dimensions = reader.u32AsInt("the number of dimensions of " + what);
      if (dimensions < 1 || dimensions > 4) {
        throw reader.wrong(
            what + " has " + Integer.toUnsignedString(dimensions) + " dimensions, expected 1 to 4");
      }
      long[] shape = new long[dimensions];
      for (int d = dimensions - 1; d >= 0; d--) { // GGUF has the innermost first
        shape[d] = reader.u64("the shape of " + what);
      }
      DType dtype = GgufNames.dtype(path, name, reader.u32AsInt("the type of " + what));
      long offset = reader.u64("the offset of " + what);
      try {
        entries.add(new Entry(name, dtype, shape, Tensor.bytes(dtype, shape), offset));
      } catch (IllegalArgumentException e) {
        throw new FormatException(path, what + " " + e.getMessage(), e);
      }
    }
    return entries;
  }

  private long alignment(GgufMetadata metadata) {
    String key = "general.alignment";
    long alignment = metadata.u32(key, 32);
    if (alignment < 8 || alignment > 1 << 20 || Long.bitCount(alignment) != 1) {
      throw metadata.wrong(key, "is " + alignment + ", expected a power of two from 8 to 2^20");
    }
    return alignment;
  }

  /** Slices every tensor; none may reach beyond the file or into another. */
  private Map<String, Tensor> place(List<Entry> entries, long alignment) {
    long start = (reader.position() + alignment - 1) / alignment * alignment;
    long room = file.byteSize() - start;
    List<Entry> byOffset = new ArrayList<>(entries);
    byOffset.sort((a, b) -> Long.compareUnsigned(a.offset(), b.offset()));
    Entry before = null;
    for (Entry entry : byOffset) {
      String what = "tensor " + entry.name();
      if (entry.offset() < 0 || entry.offset() > room || entry.bytes() > room - entry.offset()) {
        throw reader.wrong(
            what
                + " has "
                + entry.bytes()
                + " bytes from offset "
                + Long.toUnsignedString(entry.offset())
                + ", the file has "
                + Math.max(room, 0)
                + " bytes of data; it is truncated: download it again");
      }
      if (entry.offset() % alignment != 0) {
        throw reader.wrong(
            what + " is at offset " + entry.offset() + ", not a multiple of " + alignment);
      }
      if (before != null && entry.offset() < before.offset() + before.bytes()) {
        throw reader.wrong(what + " overlaps tensor " + before.name() + "; the file is damaged");
      }
      before = entry;
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Entry entry : entries) {
      MemorySegment data = file.asSlice(start + entry.offset(), entry.bytes());
      Tensor tensor = new Tensor(entry.name(), entry.dtype(), entry.shape(), data);
      if (tensors.put(entry.name(), tensor) != null) {
        throw reader.wrong("tensor " + entry.name() + " appears twice; the file is damaged");
      }
    }
    return tensors;
  }
}
