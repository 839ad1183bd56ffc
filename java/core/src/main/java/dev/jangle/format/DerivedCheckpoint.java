package dev.jangle.format;

import java.nio.file.Path;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Another checkpoint whose tensors are changed as they are asked for. */
record DerivedCheckpoint(Checkpoint base, UnaryOperator<Tensor> change) implements Checkpoint {
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
  public Path path() {
    return base.path();
  }

  @Override
  public String formatName() {
    return base.formatName();
  }

  @Override
  public long weightBytes() {
    return base.weightBytes();
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
