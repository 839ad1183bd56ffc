package dev.jangle.format;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A LoRA adapter in PEFT's layout: a folder with {@code adapter_config.json} and {@code
 * adapter_model.safetensors}. To the weight W [out][in] of each module that it adapts it adds
 * {@code scale * B A}, with A [rank][in] and B [out][rank]. Held in memory as float32. Immutable
 * and thread-safe.
 *
 * <pre>{@code
 * Checkpoint base = Checkpoint.open(model);
 * LoraAdapter adapter = LoraAdapter.open(folder, base);
 * Checkpoint merged = adapter.merge(base);
 * }</pre>
 */
public final class LoraAdapter {
  static final String CONFIG = "adapter_config.json";
  static final String WEIGHTS = "adapter_model.safetensors";

  private static final String PREFIX = "base_model.model.";
  private static final String A = ".lora_A.weight";
  private static final String B = ".lora_B.weight";

  /** The linear layers of a block, as PEFT's {@code all-linear} finds them. */
  private static final List<String> MODULES =
      List.of(
          "self_attn.q_proj",
          "self_attn.k_proj",
          "self_attn.v_proj",
          "self_attn.o_proj",
          "mlp.gate_proj",
          "mlp.up_proj",
          "mlp.down_proj");

  /** Rows that are merged at once. */
  private static final int ROWS = 8;

  /** The factors of one weight. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Factors(float[] a, float[] b) {}

  private final Path folder;
  private final LoraConfig config;

  /** By the weight's name, such as {@code model.layers.0.mlp.up_proj.weight}. */
  private final Map<String, Factors> factors;

  private LoraAdapter(Path folder, LoraConfig config, Map<String, Factors> factors) {
    this.folder = folder;
    this.config = config;
    this.factors = factors;
  }

  /**
   * Reads an adapter and compares it with the model that it is for.
   *
   * @throws FormatException if it is damaged, asks for what Jangle does not compute, or belongs to
   *     another model: the message names the first difference
   * @throws IOException if a file is missing or cannot be read
   */
  public static LoraAdapter open(Path folder, Checkpoint base) throws IOException {
    Path file = folder.resolve(WEIGHTS);
    if (!Files.isRegularFile(folder.resolve(CONFIG))) {
      throw new NoSuchFileException(
          folder.toString(), null, "is no adapter: it has no " + CONFIG + ", which PEFT writes");
    }
    if (!Files.exists(file)) {
      boolean pickle = Files.exists(folder.resolve("adapter_model.bin"));
      throw new NoSuchFileException(
          folder.toString(),
          null,
          "has no "
              + WEIGHTS
              + (pickle ? "; it holds adapter_model.bin: save it again with a current PEFT" : ""));
    }
    LoraConfig config = LoraConfig.read(folder.resolve(CONFIG));
    try (SafetensorsFile weights = SafetensorsFile.open(file)) {
      Map<String, Tensor> tensors = new TreeMap<>(weights.tensors());
      checkTargets(file, config, base, tensors);
      Map<String, Factors> factors = new LinkedHashMap<>();
      for (String name : tensors.keySet()) {
        String weight = weight(file, base, name);
        if (!factors.containsKey(weight)) {
          factors.put(weight, factors(file, config, weight, base.shape(weight), tensors));
        }
      }
      if (factors.isEmpty()) {
        throw new FormatException(file, "has no tensors");
      }
      return new LoraAdapter(folder, config, factors);
    }
  }

  /** The weight of the base that a tensor changes. */
  private static String weight(Path file, Checkpoint base, String name) {
    String suffix = name.endsWith(A) ? A : name.endsWith(B) ? B : null;
    if (name.endsWith(".base_layer.weight")) {
      throw new FormatException(
          file,
          "tensor "
              + name
              + " is a copy of the base model's; save the adapter with"
              + " save_embedding_layers=False");
    }
    if (suffix == null || !name.startsWith(PREFIX)) {
      throw new FormatException(
          file,
          "tensor "
              + name
              + " is not part of a LoRA adapter of linear layers, expected a name like "
              + tensorName("model.layers.0.self_attn.q_proj.weight", A));
    }
    String module = name.substring(PREFIX.length(), name.length() - suffix.length());
    boolean tiedHead = module.equals("lm_head") && base.config().tiedEmbeddings();
    if (tiedHead || module.equals("model.embed_tokens")) {
      throw new FormatException(
          file,
          "tensor "
              + name
              + " changes "
              + (tiedHead ? "an LM head that is tied to the embedding" : "the embedding")
              + ", which is not supported");
    }
    boolean linear = module.equals("lm_head") || MODULES.stream().anyMatch(module::endsWith);
    if (!linear || !base.has(module + ".weight")) {
      throw new FormatException(
          file,
          "tensor "
              + name
              + " changes "
              + module
              + ", which the model "
              + base.path()
              + " does not have: it has "
              + base.config().layers()
              + " layers of "
              + String.join(", ", MODULES)
              + "; the adapter belongs to another model");
    }
    return module + ".weight";
  }

  private static String tensorName(String weight, String suffix) {
    return PREFIX + weight.substring(0, weight.length() - ".weight".length()) + suffix;
  }

  private static Factors factors(
      Path file, LoraConfig config, String weight, long[] shape, Map<String, Tensor> tensors) {
    return new Factors(
        factor(file, weight, A, tensors, config.rank(), shape[1]),
        factor(file, weight, B, tensors, shape[0], config.rank()));
  }

  private static float[] factor(
      Path file, String weight, String suffix, Map<String, Tensor> tensors, long... shape) {
    String name = tensorName(weight, suffix);
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new FormatException(
          file, "has no tensor " + name + ", expected one of shape " + Arrays.toString(shape));
    }
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new FormatException(
          file,
          "tensor "
              + name
              + " has shape "
              + Arrays.toString(tensor.shape())
              + ", expected "
              + Arrays.toString(shape)
              + " for the rank in "
              + CONFIG
              + " and the model's "
              + weight
              + "; the adapter belongs to another model");
    }
    float[] values = TensorFloats.of(tensor);
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new FormatException(file, "tensor " + name + " has the value " + value);
      }
    }
    return values;
  }

  /** Every layer's modules that the configuration lists must be there: none is left out. */
  private static void checkTargets(
      Path file, LoraConfig config, Checkpoint base, Map<String, Tensor> tensors) {
    for (int layer = 0; layer < base.config().layers(); layer++) {
      for (String module : MODULES) {
        String key = "model.layers." + layer + "." + module;
        String name = PREFIX + key + A;
        boolean listed =
            config.targets().stream()
                .anyMatch(target -> key.equals(target) || key.endsWith("." + target));
        if (listed && !tensors.containsKey(name)) {
          throw new FormatException(
              file,
              "has no tensor "
                  + name
                  + ", but "
                  + CONFIG
                  + " lists "
                  + config.targets()
                  + " and the model has "
                  + base.config().layers()
                  + " layers; the adapter is incomplete or belongs to another model");
        }
      }
    }
  }

  /** The folder it came from. */
  public Path path() {
    return folder;
  }

  /** Rank and strength. */
  public LoraConfig config() {
    return config;
  }

  /**
   * One of its own tensors, as float32, in row-major order.
   *
   * @param name PEFT's, such as {@code
   *     base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight}
   * @return empty where it does not change that weight
   */
  public Optional<float[]> values(String name) {
    boolean down = name.endsWith(A);
    int begin = name.startsWith(PREFIX) ? PREFIX.length() : 0;
    String weight = name.substring(begin, name.length() - (down ? A : B).length()) + ".weight";
    return Optional.ofNullable(factors.get(weight)).map(of -> (down ? of.a() : of.b()).clone());
  }

  /** Number of weights that it changes. */
  public int weights() {
    return factors.size();
  }

  /** Number of its own parameters. */
  public long parameters() {
    return factors.values().stream().mapToLong(f -> (long) f.a().length + f.b().length).sum();
  }

  /**
   * The base with the adapter's change, each weight in the format of {@link #merge(Tensor)}.
   * Closing the result closes the base.
   */
  public Checkpoint merge(Checkpoint base) {
    return new DerivedCheckpoint(
        base,
        this::merge,
        (name, format) -> factors.containsKey(name) ? eightBits(format) : format);
  }

  /**
   * The base with the adapter's change, each weight that it changes in this format: see {@link
   * #merge(Tensor, DType)}. Closing the result closes the base.
   */
  public Checkpoint merge(Checkpoint base, DType format) {
    return new DerivedCheckpoint(
        base,
        weight -> merge(weight, format),
        (name, before) -> factors.containsKey(name) ? format : before);
  }

  /**
   * {@code W + scale * B A} in the format of W, but Q8_0 where W has 4 bits, whose steps are larger
   * than most of what an adapter adds; or the tensor itself where the adapter has nothing for it.
   * See {@link #merge(Tensor, DType)}.
   */
  public Tensor merge(Tensor weight) {
    return merge(weight, eightBits(weight.dtype()));
  }

  private static DType eightBits(DType format) {
    return isFourBits(format) ? DType.Q8_0 : format;
  }

  private static boolean isFourBits(DType format) {
    return format == DType.Q4_0 || format == DType.Q4_1;
  }

  /**
   * {@code W + scale * B A}, computed in float32. F16 and BF16 round to the nearest. The formats of
   * 4 bits are rounded so that as much of a change below their steps survives as they hold; a
   * weight that is in this format already keeps its scales where they span the sum, so that rows
   * without a change keep their bits.
   *
   * @param format the format of the result
   * @return the tensor itself where the adapter has nothing for it
   * @throws FormatException if the sum cannot be quantised: it is not finite, or too large
   */
  public Tensor merge(Tensor weight, DType format) {
    Factors of = factors.get(weight.name());
    if (of == null) {
      return weight;
    }
    int cols = Math.toIntExact(weight.cols());
    MemorySegment data = TensorEncoder.allocate(format.bytes(weight.elements()));
    Tensor merged = new Tensor(weight.name(), format, weight.shape(), data);
    boolean fourBits = isFourBits(format);
    LowRankRounding rounding = fourBits ? new LowRankRounding(of.a(), config.rank(), cols) : null;
    try {
      TensorEncoder.byRows(
          merged,
          ROWS,
          (first, end) -> {
            float[][] sums = new float[end - first][];
            for (int row = first; row < end; row++) {
              sums[row - first] = sum(weight, of, row, cols);
            }
            if (fourBits) {
              round(format, sums, weight, first, rounding, data);
            } else {
              for (int row = first; row < end; row++) {
                TensorEncoder.encode(format, sums[row - first], row(format, data, row, cols));
              }
            }
          });
    } catch (IllegalArgumentException e) {
      throw new FormatException(folder, "merged with " + weight + ": " + e.getMessage(), e);
    }
    return merged;
  }

  private float[] sum(Tensor weight, Factors of, int row, int cols) {
    float[] sum = new float[cols];
    float[] change = new float[cols];
    TensorFloats.read(weight, (long) row * cols, sum);
    for (int k = 0; k < config.rank(); k++) {
      float factor = of.b()[row * config.rank() + k];
      int start = k * cols;
      for (int j = 0; j < cols; j++) {
        change[j] += factor * of.a()[start + j];
      }
    }
    float scale = config.scale();
    for (int j = 0; j < cols; j++) {
      sum[j] += scale * change[j];
    }
    return sum;
  }

  private static MemorySegment row(DType format, MemorySegment data, int row, int cols) {
    long bytes = format.bytes(cols);
    return data.asSlice(row * bytes, bytes);
  }

  /** Rounds sums of rows to 4 bits, on the weight's own grids where it has the format. */
  private static void round(
      DType format,
      float[][] sums,
      Tensor weight,
      int first,
      LowRankRounding rounding,
      MemorySegment data) {
    int cols = sums[0].length;
    boolean same = format == weight.dtype();
    FourBitRow[] rows = new FourBitRow[sums.length];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = new FourBitRow(format, cols);
      if (same) {
        rows[i].readGrids(row(format, weight.data(), first + i, cols));
      }
      for (int block = 0; block < rows[i].blocks(); block++) {
        if (!same || !rows[i].spans(block, sums[i])) {
          rows[i].fit(block, sums[i]);
        }
      }
    }
    rounding.round(sums, rows);
    for (int i = 0; i < rows.length; i++) {
      rows[i].write(row(format, data, first + i, cols));
    }
  }

  /**
   * Writes an adapter as PEFT does. Each file is written whole or not at all; the configuration
   * comes last, so that a folder that has one is complete.
   *
   * @param format F32, F16 or BF16
   * @param tensors by PEFT's names, such as {@code
   *     base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight}: A [rank][in], B
   *     [out][rank]
   * @throws IOException naming the file where it cannot be written
   * @throws IllegalArgumentException where a name is neither an A nor a B, or its values do not
   *     divide by the rank
   */
  public static void write(
      Path folder, LoraConfig config, DType format, Map<String, float[]> tensors)
      throws IOException {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    new TreeMap<>(tensors)
        .forEach(
            (name, values) ->
                writer.tensor(name, format, shape(name, values, config.rank()), () -> values));
    Files.createDirectories(folder);
    writer.write(folder.resolve(WEIGHTS));
    AtomicFile.write(folder.resolve(CONFIG), config.json());
  }

  private static long[] shape(String name, float[] values, int rank) {
    if (!(name.endsWith(A) || name.endsWith(B)) || values.length % rank != 0) {
      throw new IllegalArgumentException(
          "tensor %s of %,d values is no factor of rank %d".formatted(name, values.length, rank));
    }
    long other = values.length / rank;
    return name.endsWith(A) ? new long[] {rank, other} : new long[] {other, rank};
  }
}
