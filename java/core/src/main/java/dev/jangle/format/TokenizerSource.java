package dev.jangle.format;

import java.nio.file.Path;

/** Where a checkpoint keeps its tokenizer. It stays readable after the checkpoint is closed. */
public sealed interface TokenizerSource {
  /** A folder in Hugging Face's layout: {@code tokenizer.json}, {@code tokenizer_config.json}. */
  record HuggingFace(Path folder) implements TokenizerSource {}

  /** The {@code tokenizer.*} keys of a GGUF file. */
  record Gguf(GgufMetadata metadata) implements TokenizerSource {}
}
