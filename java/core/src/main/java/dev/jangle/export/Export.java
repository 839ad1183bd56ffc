package dev.jangle.export;

import dev.jangle.LoadProgress;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.FormatException;
import dev.jangle.format.GgufModel;
import dev.jangle.format.GgufWriter;
import dev.jangle.format.HfModel;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.TokenizerSource;
import dev.jangle.text.TokenizerExport;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * A model for other programs. One tensor at a time is in memory. What is exported appears under its
 * name when it is whole; a failure leaves nothing.
 */
public final class Export {
  /** Formats of a Hugging Face folder. */
  public static final List<DType> HUGGING_FACE = List.of(DType.F32, DType.BF16);

  /** Formats of a GGUF file's matrices. */
  public static final List<DType> GGUF = List.of(DType.F32, DType.BF16, DType.Q8_0, DType.Q4_0);

  private Export() {}

  /**
   * Writes a Hugging Face folder, which {@code transformers} loads: configuration, tokenizer, and
   * safetensors in shards of at most 5 GB.
   *
   * @param adapter what to add to the weights, or null
   * @param format one of {@link #HUGGING_FACE}
   * @param folder must not exist, or be empty
   * @throws FileAlreadyExistsException where something is there
   * @throws FormatException where the model or its tokenizer cannot be written so, saying why
   * @throws IOException naming the file where one cannot be written
   */
  public static void huggingFace(
      Checkpoint model, LoraAdapter adapter, DType format, Path folder, LoadProgress progress)
      throws IOException {
    require(format, HUGGING_FACE, "a Hugging Face folder");
    requireFree(folder, true);
    Path absolute = folder.toAbsolutePath();
    Path part = absolute.resolveSibling(absolute.getFileName() + ".part");
    boolean whole = false;
    try {
      delete(part); // what a killed program left
      Files.createDirectories(part);
      TokenizerExport.huggingFace(model.tokenizer(), model.config().contextLength(), part);
      HfModel.write(changed(model, adapter, DType.F32, progress), format, part);
      Files.move(part, absolute, StandardCopyOption.ATOMIC_MOVE);
      whole = true;
    } finally {
      if (!whole) {
        delete(part);
      }
    }
  }

  /**
   * Writes a GGUF file, which llama.cpp loads.
   *
   * @param adapter what to add to the weights, or null
   * @param format of the matrices, one of {@link #GGUF}; norms and biases are F32
   * @param file must not exist
   * @throws FileAlreadyExistsException where something is there
   * @throws FormatException where the model or its tokenizer cannot be written so, saying why
   * @throws IOException naming the file where it cannot be written
   */
  public static void gguf(
      Checkpoint model, LoraAdapter adapter, DType format, Path file, LoadProgress progress)
      throws IOException {
    require(format, GGUF, "a GGUF file");
    requireFree(file, false);
    GgufWriter writer = GgufModel.writer(changed(model, adapter, format, progress), format);
    if (model.tokenizer() instanceof TokenizerSource.HuggingFace source) {
      TokenizerExport.gguf(source, model.config().vocabSize(), writer);
    }
    writer.write(file);
  }

  /** The weights with the adapter's change, and whoever asks for one moves the progress. */
  private static Checkpoint changed(
      Checkpoint model, LoraAdapter adapter, DType format, LoadProgress progress) {
    Checkpoint changed = adapter == null ? model : adapter.merge(model, format);
    long total = changed.weightBytes();
    AtomicLong done = new AtomicLong();
    return changed.map(
        weight -> {
          progress.update(Math.min(done.addAndGet(weight.data().byteSize()), total), total);
          return weight;
        });
  }

  private static void require(DType format, List<DType> supported, String what) {
    if (!supported.contains(format)) {
      throw new IllegalArgumentException(
          what + " is not written in " + format + "; supported: " + supported);
    }
  }

  private static void requireFree(Path path, boolean folder) throws IOException {
    boolean taken = Files.exists(path);
    if (folder && Files.isDirectory(path)) {
      try (Stream<Path> inside = Files.list(path)) {
        taken = inside.findAny().isPresent();
      }
    }
    if (taken) {
      throw new FileAlreadyExistsException(
          path.toString(), null, "is there already; remove it or give another name");
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> inside = Files.walk(folder)) {
        for (Path path : inside.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }
}
