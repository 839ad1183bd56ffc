package dev.jangle.format;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/** A random model of two layers, as GGUF and as a Hugging Face folder's files. */
final class TinyModel {
  static final int HIDDEN = 32;
  static final int INNER = 64;
  static final int HEADS = 4;
  static final int KV_HEADS = 2;
  static final int HEAD_DIM = 8;
  static final int VOCAB = 20;

  private static final Map<String, String> GGUF_NAMES =
      Map.ofEntries(
          Map.entry("model.embed_tokens", "token_embd"),
          Map.entry("model.norm", "output_norm"),
          Map.entry("lm_head", "output"),
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("post_attention_layernorm", "ffn_norm"),
          Map.entry("self_attn.q_proj", "attn_q"),
          Map.entry("self_attn.k_proj", "attn_k"),
          Map.entry("self_attn.v_proj", "attn_v"),
          Map.entry("self_attn.o_proj", "attn_output"),
          Map.entry("self_attn.q_norm", "attn_q_norm"),
          Map.entry("self_attn.k_norm", "attn_k_norm"),
          Map.entry("mlp.gate_proj", "ffn_gate"),
          Map.entry("mlp.up_proj", "ffn_up"),
          Map.entry("mlp.down_proj", "ffn_down"));

  private TinyModel() {}

  /** Shapes by Hugging Face's name. */
  static Map<String, long[]> shapes(boolean tied, boolean bias, boolean qkNorm) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put("model.embed_tokens.weight", new long[] {VOCAB, HIDDEN});
    shapes.put("model.norm.weight", new long[] {HIDDEN});
    if (!tied) {
      shapes.put("lm_head.weight", new long[] {VOCAB, HIDDEN});
    }
    for (int layer = 0; layer < 2; layer++) {
      String prefix = "model.layers." + layer + ".";
      String attention = prefix + "self_attn.";
      shapes.put(prefix + "input_layernorm.weight", new long[] {HIDDEN});
      shapes.put(prefix + "post_attention_layernorm.weight", new long[] {HIDDEN});
      shapes.put(attention + "q_proj.weight", new long[] {HEADS * HEAD_DIM, HIDDEN});
      shapes.put(attention + "k_proj.weight", new long[] {KV_HEADS * HEAD_DIM, HIDDEN});
      shapes.put(attention + "v_proj.weight", new long[] {KV_HEADS * HEAD_DIM, HIDDEN});
      shapes.put(attention + "o_proj.weight", new long[] {HIDDEN, HEADS * HEAD_DIM});
      if (bias) {
        shapes.put(attention + "q_proj.bias", new long[] {HEADS * HEAD_DIM});
        shapes.put(attention + "k_proj.bias", new long[] {KV_HEADS * HEAD_DIM});
        shapes.put(attention + "v_proj.bias", new long[] {KV_HEADS * HEAD_DIM});
      }
      if (qkNorm) {
        shapes.put(attention + "q_norm.weight", new long[] {HEAD_DIM});
        shapes.put(attention + "k_norm.weight", new long[] {HEAD_DIM});
      }
      shapes.put(prefix + "mlp.gate_proj.weight", new long[] {INNER, HIDDEN});
      shapes.put(prefix + "mlp.up_proj.weight", new long[] {INNER, HIDDEN});
      shapes.put(prefix + "mlp.down_proj.weight", new long[] {HIDDEN, INNER});
    }
    return shapes;
  }

  /** The bytes of a tensor in Hugging Face's layout; they depend on name and format only. */
  static byte[] data(String name, DType dtype, long[] shape) {
    long elements = 1;
    for (long size : shape) {
      elements *= size;
    }
    Random random = new Random(name.hashCode());
    float[] values = new float[Math.toIntExact(elements)];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return TensorBytes.of(dtype, values);
  }

  /** The same name as GGUF has it. */
  static String ggufName(String name) {
    int dot = name.lastIndexOf('.');
    String stem = name.substring(0, dot);
    String kind = name.substring(dot);
    if (stem.startsWith("model.layers.")) {
      String layer = stem.substring(13, 14);
      return "blk." + layer + "." + GGUF_NAMES.get(stem.substring(15)) + kind;
    }
    return GGUF_NAMES.get(stem) + kind;
  }

  /** What a test expects a tensor's format to be: vectors are never quantised. */
  static DType dtype(DType weights, long[] shape) {
    return shape.length == 1 ? DType.F32 : weights;
  }

  /** A llama model of F32 weights. */
  static GgufBytes gguf() {
    return gguf("llama", DType.F32, false, false, false);
  }

  static GgufBytes gguf(
      String architecture, DType weights, boolean tied, boolean bias, boolean qkNorm) {
    String prefix = architecture + ".";
    GgufBytes writer =
        new GgufBytes()
            .put("general.architecture", architecture)
            .put(prefix + "block_count", 2)
            .put(prefix + "context_length", 128)
            .put(prefix + "embedding_length", HIDDEN)
            .put(prefix + "feed_forward_length", INNER)
            .put(prefix + "attention.head_count", HEADS)
            .put(prefix + "attention.head_count_kv", KV_HEADS)
            .put(prefix + "attention.layer_norm_rms_epsilon", 1e-5f)
            .put(prefix + "rope.freq_base", 20000f)
            .put(prefix + "rope.dimension_count", HEAD_DIM)
            .put("general.quantization_version", 2)
            .put("tokenizer.ggml.tokens", new String[] {"<s>", "é", ""})
            .put("tokenizer.ggml.token_type", new int[] {3, 1, 1})
            .put("tokenizer.ggml.scores", new float[] {0, -1.5f, 2})
            .put("tokenizer.ggml.bos_token_id", 1)
            .put("tokenizer.ggml.eos_token_id", 2);
    shapes(tied, bias, qkNorm)
        .forEach(
            (name, shape) -> {
              DType dtype = dtype(weights, shape);
              byte[] data = data(name, dtype, shape);
              boolean rotated = name.contains("q_proj") || name.contains("k_proj");
              if (rotated && architecture.equals("llama")) {
                data = GgufBytes.permute(data, (int) shape[0], HEAD_DIM);
              }
              writer.tensor(ggufName(name), dtype, shape, data);
            });
    return writer;
  }

  /** A config.json whose last keys are given, such as {@code "\"rope_theta\": 5.0"}. */
  static String config(String architecture, String... more) {
    StringBuilder json = new StringBuilder("{\"model_type\": \"" + architecture + "\"");
    json.append(", \"hidden_size\": ").append(HIDDEN);
    json.append(", \"intermediate_size\": ").append(INNER);
    json.append(", \"num_hidden_layers\": 2, \"num_attention_heads\": ").append(HEADS);
    json.append(", \"num_key_value_heads\": ").append(KV_HEADS);
    json.append(", \"max_position_embeddings\": 128, \"vocab_size\": ").append(VOCAB);
    json.append(", \"rms_norm_eps\": 1e-5, \"head_dim\": ").append(HEAD_DIM);
    for (String key : more) {
      json.append(", ").append(key);
    }
    return json.append("}").toString();
  }

  /** The file model.safetensors. */
  static SafetensorsBytes safetensors(DType dtype, boolean tied, boolean bias, boolean qkNorm) {
    SafetensorsBytes writer = new SafetensorsBytes().metadata();
    shapes(tied, bias, qkNorm)
        .forEach(
            (name, shape) -> writer.tensor(name, dtype.name(), shape, data(name, dtype, shape)));
    return writer;
  }
}
