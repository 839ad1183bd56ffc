package dev.jangle.format;

import java.util.Set;

/**
 * A model as a GGUF file that llama.cpp loads: matrices in one format, norms and biases in F32, as
 * its own converter writes them. The keys of a GGUF file are kept; those of a Hugging Face folder
 * follow from its configuration, and the tokenizer's are the caller's.
 */
public final class GgufModel {
  private static final String ROPE_FACTORS = "rope_freqs.weight";

  /** Keys that say how the file is written. */
  private static final Set<String> OF_THE_FILE =
      Set.of(
          "general.alignment",
          "general.file_type",
          "general.quantization_version",
          "quantize.imatrix.file",
          "quantize.imatrix.dataset",
          "quantize.imatrix.entries_count",
          "quantize.imatrix.chunks_count",
          "split.count",
          "split.no",
          "split.tensors.count");

  private GgufModel() {}

  /**
   * Keys and tensors of a model.
   *
   * @param format of the matrices
   * @throws FormatException where the model cannot be written so, saying why
   */
  public static GgufWriter writer(Checkpoint model, DType format) {
    ModelConfig config = model.config();
    GgufWriter writer = new GgufWriter();
    if (model.tokenizer() instanceof TokenizerSource.Gguf gguf) {
      for (String key : gguf.metadata().keys()) {
        if (!OF_THE_FILE.contains(key)) {
          writer.copy(key, gguf.metadata().value(key));
        }
      }
    } else {
      keys(writer, model);
    }
    writer.u32("general.file_type", fileType(format)).u32("general.quantization_version", 2);
    float[] divisors = divisors(config);
    if (divisors != null) {
      long[] shape = {divisors.length};
      writer.tensor(
          ROPE_FACTORS,
          DType.F32,
          shape,
          () -> Tensor.of(ROPE_FACTORS, DType.F32, shape, divisors));
    }
    for (String name : model.names()) {
      if (!(name.equals("lm_head.weight") && config.tiedEmbeddings())) {
        add(writer, model, name, format);
      }
    }
    return writer;
  }

  private static void add(GgufWriter writer, Checkpoint model, String name, DType format) {
    long[] shape = model.shape(name);
    DType dtype = shape.length == 1 ? DType.F32 : format;
    boolean paired = architecture(model.config()).equals("llama");
    try {
      writer.tensor(
          GgufNames.ggufName(name),
          dtype,
          shape,
          () -> {
            Tensor tensor = model.tensor(name).as(dtype);
            return paired ? RopeRows.permute(model.config(), tensor) : tensor;
          });
    } catch (IllegalArgumentException e) {
      throw new FormatException(model.path(), "tensor " + name + " " + e.getMessage(), e);
    }
  }

  /** LLaMA's and Mistral's are one architecture. */
  private static String architecture(ModelConfig config) {
    return config.architecture().equals("mistral") ? "llama" : config.architecture();
  }

  private static void keys(GgufWriter writer, Checkpoint model) {
    ModelConfig config = model.config();
    String architecture = architecture(config);
    String prefix = architecture + ".";
    String name = String.valueOf(model.path().toAbsolutePath().normalize().getFileName());
    writer
        .string("general.architecture", architecture)
        .string("general.type", "model")
        .string("general.name", name)
        .u32(prefix + "block_count", config.layers())
        .u32(prefix + "context_length", config.contextLength())
        .u32(prefix + "embedding_length", config.hiddenSize())
        .u32(prefix + "feed_forward_length", config.intermediateSize())
        .u32(prefix + "attention.head_count", config.heads())
        .u32(prefix + "attention.head_count_kv", config.kvHeads())
        .u32(prefix + "attention.key_length", config.headDim())
        .u32(prefix + "attention.value_length", config.headDim())
        .f32(prefix + "attention.layer_norm_rms_epsilon", config.rmsNormEps())
        .u32(prefix + "rope.dimension_count", config.headDim())
        .f32(prefix + "rope.freq_base", (float) config.ropeTheta())
        .u32(prefix + "vocab_size", config.vocabSize());
    switch (config.ropeScaling()) {
      case RopeScaling.Linear linear ->
          writer
              .string(prefix + "rope.scaling.type", "linear")
              .f32(prefix + "rope.scaling.factor", (float) linear.factor());
      case RopeScaling.Yarn yarn -> yarn(writer, model, prefix + "rope.scaling.", yarn);
      case RopeScaling.None _ -> {}
      case RopeScaling.Llama3 _ -> {} // a tensor
      case RopeScaling.Factors _ -> {} // a tensor
    }
  }

  private static void yarn(
      GgufWriter writer, Checkpoint model, String prefix, RopeScaling.Yarn yarn) {
    if (!yarn.truncate()) {
      throw new FormatException(
          model.path(), "has YaRN without truncation, for which GGUF has no key");
    }
    double usual = RopeScaling.Yarn.defaultAttentionFactor(yarn.factor(), 0, 0);
    writer
        .string(prefix + "type", "yarn")
        .f32(prefix + "factor", (float) yarn.factor())
        .u32(prefix + "original_context_length", yarn.originalContext())
        .f32(prefix + "attn_factor", (float) (yarn.attentionFactor() / usual))
        .f32(prefix + "yarn_beta_fast", (float) yarn.betaFast())
        .f32(prefix + "yarn_beta_slow", (float) yarn.betaSlow());
  }

  /** What llama.cpp divides the frequencies by, where a tensor says so; else null. */
  private static float[] divisors(ModelConfig config) {
    return switch (config.ropeScaling()) {
      case RopeScaling.Factors factors -> factors.divisors();
      case RopeScaling.Llama3 llama3 -> {
        double[] plain =
            new RopeScaling.None().inverseFrequencies(config.ropeTheta(), config.headDim());
        double[] scaled = llama3.inverseFrequencies(config.ropeTheta(), config.headDim());
        float[] divisors = new float[plain.length];
        for (int j = 0; j < divisors.length; j++) {
          divisors[j] = (float) (plain[j] / scaled[j]);
        }
        yield divisors;
      }
      case RopeScaling.None _ -> null;
      case RopeScaling.Linear _ -> null;
      case RopeScaling.Yarn _ -> null;
    };
  }

  /** llama.cpp's LLAMA_FTYPE, which is for people to read. */
  private static int fileType(DType format) {
    return switch (format) {
      case F32 -> 0;
      case F16 -> 1;
      case Q4_0 -> 2;
      case Q4_1 -> 3;
      case Q8_0 -> 7;
      case BF16 -> 32;
    };
  }
}
