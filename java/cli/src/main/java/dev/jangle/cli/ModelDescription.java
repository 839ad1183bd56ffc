package dev.jangle.cli;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import dev.jangle.cli.term.Amounts;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.Tensor;
import dev.jangle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/** What {@code jangle info -m} says of a model file. */
final class ModelDescription {
  /** The context that a model is opened with where the user asks for none. */
  private static final int DEFAULT_CONTEXT = 4096;

  private ModelDescription() {}

  /**
   * Lines, each with its line feed.
   *
   * @param adapter or null
   */
  static String of(Path path, Path adapter) throws IOException {
    StringBuilder text = new StringBuilder();
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      ModelConfig config = checkpoint.config();
      Map<DType, Integer> formats = new EnumMap<>(DType.class);
      long parameters = 0;
      for (String name : checkpoint.names()) {
        Tensor tensor = checkpoint.tensor(name);
        formats.merge(tensor.dtype(), 1, Integer::sum);
        parameters += tensor.elements();
      }
      StringJoiner counts = new StringJoiner(", ");
      formats.forEach((format, count) -> counts.add(count + " " + format));
      add(text, "path", "%s", path);
      add(text, "format", "%s; tensors: %s", checkpoint.formatName(), counts);
      add(text, "parameters", "%s million", Amounts.decimal(parameters / 1e6, 1));
      add(
          text,
          "shape",
          "%s: %d layers, width %d, MLP %d, %d heads of %d (%d for keys and values)",
          config.architecture(),
          config.layers(),
          config.hiddenSize(),
          config.intermediateSize(),
          config.heads(),
          config.headDim(),
          config.kvHeads());
      add(
          text,
          "vocabulary",
          "%s tokens%s",
          Amounts.count(config.vocabSize()),
          config.tiedEmbeddings() ? ", LM head tied to the embedding" : "");
      LoraAdapter lora = adapter == null ? null : LoraAdapter.open(adapter, checkpoint);
      int context = Math.min(config.contextLength(), DEFAULT_CONTEXT);
      add(text, "context", "%s tokens", Amounts.count(config.contextLength()));
      add(text, "template", "%s", template(checkpoint));
      add(
          text,
          "memory",
          "%s of weights, and %s of KV cache for %s tokens (f16)",
          Amounts.bytes((lora == null ? checkpoint : lora.merge(checkpoint)).weightBytes()),
          Amounts.bytes(cacheBytes(config, context)),
          Amounts.count(context));
      if (lora != null) {
        add(
            text,
            "adapter",
            "LoRA of rank %d, scale %s, on %d weights; %s million parameters",
            lora.config().rank(),
            lora.config().scale(),
            lora.weights(),
            Amounts.decimal(lora.parameters() / 1e6, 1));
      }
    }
    return text.toString();
  }

  /** A key and a value of two bytes per element, for each layer and position. */
  private static long cacheBytes(ModelConfig config, int positions) {
    return 2L * 2 * config.layers() * config.kvHeads() * config.headDim() * positions;
  }

  private static String template(Checkpoint checkpoint) throws IOException {
    try (Tokenizer tokenizer = Tokenizer.open(checkpoint.tokenizer())) {
      return tokenizer.chatTemplate().isPresent()
          ? "chat template included"
          : "none: prompts are taken as they are";
    }
  }

  @FormatMethod
  private static void add(
      StringBuilder text, String name, @FormatString String format, Object... values) {
    text.append(InfoCommand.line(name, String.format(Locale.ROOT, format, values)));
  }
}
