package dev.jangle.format;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/**
 * Another checkpoint whose tensors are changed as they are asked for.
 *
 * @param format of the changed tensor, by its name and its format before
 */
record DerivedCheckpoint(
    Checkpoint base, UnaryOperator<Tensor> change, BiFunction<String, DType, DType> format)
    implements Checkpoint {
  @Override
  public ModelConfig config() {
    return base.config();
  }

  @Override
  public Set<String> names() {
    return base.names();
  }

  @Override
  public boolean has(String name) {
    return base.has(name);
  }

  @Override
  public Tensor tensor(String name) {
    return change.apply(base.tensor(name));
  }

  @Override
  public long[] shape(String name) {
    return base.shape(name);
  }

  @Override
  public DType dtype(String name) {
    return format.apply(name, base.dtype(name));
  }

  private long elements(String name) {
    return Arrays.stream(shape(name)).reduce(1, (a, b) -> a * b);
  }

  @Override
  public Path path() {
    return base.path();
  }

  @Override
  public String formatName() {
    return base.formatName();
  }

  @Override
  public long weightBytes() {
    return names().stream().mapToLong(name -> dtype(name).bytes(elements(name))).sum();
  }

  @Override
  public TokenizerSource tokenizer() {
    return base.tokenizer();
  }

  @Override
  public void close() {
    base.close();
  }
}
