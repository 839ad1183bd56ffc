package dev.jangle.format;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;

/**
 * The tensors of a safetensors file that need not be a model, such as an adapter. When it opens,
 * every tensor is F32, F16 or BF16 and lies within the file. Thread-safe.
 *
 * <p>The file is memory-mapped, so what {@link Checkpoint} says of that holds here, too.
 */
public final class SafetensorsFile implements AutoCloseable {
  private final Path path;
  private final Arena arena;
  private final SafetensorsReader.Contents contents;

  private SafetensorsFile(Path path, Arena arena, SafetensorsReader.Contents contents) {
    this.path = path;
    this.arena = arena;
    this.contents = contents;
  }

  /**
   * Opens a file.
   *
   * @throws FormatException where it is damaged or not a safetensors file
   * @throws IOException where it is missing or cannot be read
   */
  @SuppressWarnings("MustBeClosedChecker") // the file owns the arena
  public static SafetensorsFile open(Path path) throws IOException {
    Arena arena = Arena.ofShared();
    try {
      return new SafetensorsFile(path, arena, SafetensorsReader.read(path, arena));
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }

  /** The file. */
  public Path path() {
    return path;
  }

  /** Free-form texts that its writer added. */
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(contents.metadata());
  }

  /** All tensors by name, in the order of their data. */
  public Map<String, Tensor> tensors() {
    return Collections.unmodifiableMap(contents.tensors());
  }

  /**
   * A tensor.
   *
   * @throws FormatException where there is none of this name
   */
  public Tensor tensor(String name) {
    Tensor tensor = contents.tensors().get(name);
    if (tensor == null) {
      throw new FormatException(path, "has no tensor " + name);
    }
    return tensor;
  }

  /** Unmaps the file. Idempotent. */
  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
