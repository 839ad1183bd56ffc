package dev.jangle.format;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/** A checkpoint whose tensors are slices of mapped files. */
final class MappedCheckpoint implements Checkpoint {
  private final Path path;
  private final String formatName;
  private final ModelConfig config;
  private final TokenizerSource tokenizer;
  private final Map<String, Tensor> tensors;
  private final UnaryOperator<Tensor> toHfLayout;
  private final Arena arena;

  /**
   * Takes ownership of the arena.
   *
   * @param tensors by Hugging Face's name
   * @param toHfLayout what is done to a tensor before it is handed out
   */
  MappedCheckpoint(
      Path path,
      String formatName,
      ModelConfig config,
      TokenizerSource tokenizer,
      Map<String, Tensor> tensors,
      UnaryOperator<Tensor> toHfLayout,
      Arena arena) {
    this.path = path;
    this.formatName = formatName;
    this.config = config;
    this.tokenizer = tokenizer;
    this.tensors = tensors;
    this.toHfLayout = toHfLayout;
    this.arena = arena;
  }

  @SuppressWarnings("MustBeClosedChecker") // the checkpoint owns the arena
  static Checkpoint open(Path path) throws IOException {
    Arena arena = Arena.ofShared();
    try {
      return Files.isDirectory(path) ? HfFolder.read(path, arena) : GgufFile.read(path, arena);
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public boolean has(String name) {
    return tensors.containsKey(name);
  }

  @Override
  public Tensor tensor(String name) {
    return toHfLayout.apply(stored(name));
  }

  @Override
  public long[] shape(String name) {
    return stored(name).shape();
  }

  @Override
  public DType dtype(String name) {
    return stored(name).dtype();
  }

  private Tensor stored(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new FormatException(path, "has no tensor " + name);
    }
    return tensor;
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public String formatName() {
    return formatName;
  }

  @Override
  public long weightBytes() {
    return tensors.values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
  }

  @Override
  public TokenizerSource tokenizer() {
    return tokenizer;
  }

  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
