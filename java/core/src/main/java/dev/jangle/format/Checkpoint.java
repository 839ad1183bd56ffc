package dev.jangle.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * A model's weights and configuration, as they lie on disk. Names and layouts are Hugging Face's,
 * whatever the file's format: {@code model.layers.0.self_attn.q_proj.weight} is {out, in}, and
 * query and key rows are in the order for rotate-half RoPE.
 *
 * <p>When it opens, every tensor that the configuration asks for is there, in the right shape,
 * within its file and without overlap; norms and biases are F32, F16 or BF16; nothing is there that
 * this library would have to ignore.
 *
 * <p>Thread-safe. The weights are memory-mapped: reading a tensor after {@link #close} throws
 * {@link IllegalStateException}. If another process truncates a mapped file, reading what is gone
 * is a SIGBUS, which Java code sees as an {@link InternalError} and native code does not survive:
 * replace model files by renaming, never by writing over them.
 */
public sealed interface Checkpoint extends AutoCloseable
    permits MappedCheckpoint, DerivedCheckpoint {
  /**
   * Opens a {@code .gguf} file, or a Hugging Face folder that holds {@code config.json} and either
   * {@code model.safetensors} or {@code model.safetensors.index.json} with its shards.
   *
   * @throws FormatException if a file is damaged or not supported
   * @throws IOException if a file is missing or cannot be read
   */
  static Checkpoint open(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new NoSuchFileException(
          path.toString(), null, "does not exist; give a .gguf file or a Hugging Face folder");
    }
    return MappedCheckpoint.open(path);
  }

  /**
   * The same checkpoint with other values: each tensor is changed whenever it is asked for, so that
   * no more than one need be in memory. Closing the result closes this.
   *
   * @param change returns a tensor of the same name, shape and format; may be called from several
   *     threads
   */
  default Checkpoint map(UnaryOperator<Tensor> change) {
    return new DerivedCheckpoint(this, change, (name, format) -> format);
  }

  /** Sizes and constants. */
  ModelConfig config();

  /** Hugging Face's names of all tensors. */
  Set<String> names();

  /** Whether there is a tensor of this name. */
  boolean has(String name);

  /**
   * A tensor. Query and key weights of a GGUF file of architecture {@code llama} are copied into
   * rotate-half order by each call, so ask once; all others are slices of the mapped file.
   *
   * @throws FormatException if there is none
   */
  Tensor tensor(String name);

  /**
   * The sizes of a tensor, outermost first, without reading it.
   *
   * @throws FormatException if there is none
   */
  long[] shape(String name);

  /**
   * The format of a tensor, without reading it.
   *
   * @throws FormatException if there is none
   */
  DType dtype(String name);

  /** What was opened: the file or the folder. */
  Path path();

  /** {@code GGUF v3} or {@code safetensors}. */
  String formatName();

  /** Bytes of all tensors, in their formats. */
  long weightBytes();

  /** Where the tokenizer is. */
  TokenizerSource tokenizer();

  /** Unmaps the files. Idempotent. */
  @Override
  void close();
}
