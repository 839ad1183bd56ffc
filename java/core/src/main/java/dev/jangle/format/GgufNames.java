package dev.jangle.format;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Translates what GGUF calls tensors and types. */
final class GgufNames {
  /** Names outside the blocks. */
  private static final Map<String, String> GLOBAL =
      Map.of(
          "token_embd.weight", "model.embed_tokens.weight",
          "output_norm.weight", "model.norm.weight",
          "output.weight", "lm_head.weight");

  /** Names within a block, without {@code .weight} or {@code .bias}. */
  private static final Map<String, String> BLOCK =
      Map.ofEntries(
          Map.entry("attn_norm", "input_layernorm"),
          Map.entry("attn_q", "self_attn.q_proj"),
          Map.entry("attn_k", "self_attn.k_proj"),
          Map.entry("attn_v", "self_attn.v_proj"),
          Map.entry("attn_output", "self_attn.o_proj"),
          Map.entry("attn_q_norm", "self_attn.q_norm"),
          Map.entry("attn_k_norm", "self_attn.k_norm"),
          Map.entry("ffn_norm", "post_attention_layernorm"),
          Map.entry("ffn_gate", "mlp.gate_proj"),
          Map.entry("ffn_up", "mlp.up_proj"),
          Map.entry("ffn_down", "mlp.down_proj"));

  private static final Pattern IN_BLOCK =
      Pattern.compile("blk\\.(0|[1-9][0-9]{0,5})\\.([a-z_]+)(\\.weight|\\.bias)");

  private static final Pattern IN_LAYER =
      Pattern.compile("model\\.layers\\.([0-9]+)\\.([a-z_.]+)(\\.weight|\\.bias)");

  /** Names of ggml's types by number; "" where the number was never used or was withdrawn. */
  private static final String[] TYPES = {
    "F32",
    "F16",
    "Q4_0",
    "Q4_1",
    "",
    "",
    "Q5_0",
    "Q5_1",
    "Q8_0",
    "Q8_1",
    "Q2_K",
    "Q3_K",
    "Q4_K",
    "Q5_K",
    "Q6_K",
    "Q8_K",
    "IQ2_XXS",
    "IQ2_XS",
    "IQ3_XXS",
    "IQ1_S",
    "IQ4_NL",
    "IQ3_S",
    "IQ2_S",
    "IQ4_XS",
    "I8",
    "I16",
    "I32",
    "I64",
    "F64",
    "IQ1_M",
    "BF16",
    "Q4_0_4_4",
    "Q4_0_4_8",
    "Q4_0_8_8",
    "TQ1_0",
    "TQ2_0",
    "",
    "",
    "",
    "MXFP4",
  };

  private GgufNames() {}

  /** The same tensors under Hugging Face's names, in the same order. */
  static Map<String, Tensor> rename(Path path, Map<String, Tensor> tensors) {
    Map<String, Tensor> renamed = new LinkedHashMap<>();
    for (Tensor tensor : tensors.values()) {
      String name = hfName(path, tensor.name());
      renamed.put(name, new Tensor(name, tensor.dtype(), tensor.shape(), tensor.data()));
    }
    return renamed;
  }

  private static String hfName(Path path, String name) {
    String global = GLOBAL.get(name);
    if (global != null) {
      return global;
    }
    Matcher block = IN_BLOCK.matcher(name);
    if (block.matches() && BLOCK.containsKey(block.group(2))) {
      return "model.layers." + block.group(1) + "." + BLOCK.get(block.group(2)) + block.group(3);
    }
    String reason = "is not part of a model that Jangle supports";
    if (name.contains("_exps") || name.contains("_shexp") || name.contains("gate_inp")) {
      reason = "belongs to a mixture of experts, which is not supported";
    } else if (name.startsWith("rope_factors")) {
      reason = "belongs to longrope scaling, which is not supported";
    }
    throw new FormatException(path, "tensor " + name + " " + reason + "; use another model");
  }

  /** What GGUF calls a tensor of this name of Hugging Face's. */
  static String ggufName(String name) {
    for (Map.Entry<String, String> global : GLOBAL.entrySet()) {
      if (global.getValue().equals(name)) {
        return global.getKey();
      }
    }
    Matcher layer = IN_LAYER.matcher(name);
    if (layer.matches()) {
      for (Map.Entry<String, String> part : BLOCK.entrySet()) {
        if (part.getValue().equals(layer.group(2))) {
          return "blk." + layer.group(1) + "." + part.getKey() + layer.group(3);
        }
      }
    }
    throw new IllegalArgumentException("GGUF has no name for the tensor " + name);
  }

  /** The number of the ggml type of this format. */
  static int type(DType dtype) {
    return List.of(TYPES).indexOf(dtype.name());
  }

  /** The format of a ggml type's number. */
  static DType dtype(Path path, String tensor, int type) {
    return switch (type) {
      case 0 -> DType.F32;
      case 1 -> DType.F16;
      case 2 -> DType.Q4_0;
      case 3 -> DType.Q4_1;
      case 8 -> DType.Q8_0;
      case 30 -> DType.BF16;
      default -> {
        boolean known = type >= 0 && type < TYPES.length && !TYPES[type].isEmpty();
        throw new FormatException(
            path,
            "tensor "
                + tensor
                + " has "
                + (known ? "type " + TYPES[type] : "an unknown type")
                + " (ggml type "
                + Integer.toUnsignedString(type)
                + "); supported: "
                + DType.supported()
                + ". Convert the F16 or BF16 model with"
                + " `llama-quantize --pure IN.gguf OUT.gguf Q8_0` (or Q4_0, Q4_1)");
      }
    };
  }
}
