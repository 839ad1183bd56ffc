package dev.jangle.train;

import dev.jangle.format.ModelConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where each weight lies in a flat buffer of float32, which the weights, their gradients and both
 * moments of the optimizer share: matrices first, since they alone decay, then vectors. What is
 * multiplied with one input stands side by side, so that one product computes query, key and value,
 * and one gate and up.
 */
final class ParameterLayout {
  /**
   * One weight.
   *
   * @param name Hugging Face's
   * @param offset in elements
   * @param rows 0 for a vector
   * @param cols elements of a row, or of the vector
   */
  record Slot(String name, long offset, long rows, long cols) {
    long elements() {
      return Math.max(rows, 1) * cols;
    }

    /** Sizes as a file gives them. */
    long[] shape() {
      return rows == 0 ? new long[] {cols} : new long[] {rows, cols};
    }
  }

  /** The modules of a layer that adapters are for: all that are linear. */
  static final List<String> ADAPTED =
      List.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");

  private final Map<String, Slot> slots = new LinkedHashMap<>();
  private long matrices;
  private long end;

  private ParameterLayout() {}

  /** All weights of a model. */
  static ParameterLayout whole(ModelConfig config) {
    ParameterLayout layout = new ParameterLayout();
    layout.addWhole(config);
    return layout;
  }

  /** The weights of adapters on all linear layers, under PEFT's names. */
  static ParameterLayout adapters(ModelConfig config, int rank) {
    ParameterLayout layout = new ParameterLayout();
    layout.addAdapters(config, rank);
    return layout;
  }

  private void addWhole(ModelConfig config) {
    long hidden = config.hiddenSize();
    long inner = config.intermediateSize();
    long queries = (long) config.heads() * config.headDim();
    long keys = (long) config.kvHeads() * config.headDim();
    add("model.embed_tokens.weight", config.vocabSize(), hidden);
    for (int i = 0; i < config.layers(); i++) {
      String layer = layer(i);
      add(layer + "self_attn.q_proj.weight", queries, hidden);
      add(layer + "self_attn.k_proj.weight", keys, hidden);
      add(layer + "self_attn.v_proj.weight", keys, hidden);
      add(layer + "self_attn.o_proj.weight", hidden, queries);
      add(layer + "mlp.gate_proj.weight", inner, hidden);
      add(layer + "mlp.up_proj.weight", inner, hidden);
      add(layer + "mlp.down_proj.weight", hidden, inner);
    }
    if (!config.tiedEmbeddings()) {
      add("lm_head.weight", config.vocabSize(), hidden);
    }
    matrices = end;
    for (int i = 0; i < config.layers(); i++) {
      String layer = layer(i);
      add(layer + "input_layernorm.weight", 0, hidden);
      if (config.qkvBias()) {
        add(layer + "self_attn.q_proj.bias", 0, queries);
        add(layer + "self_attn.k_proj.bias", 0, keys);
        add(layer + "self_attn.v_proj.bias", 0, keys);
      }
      if (config.qkNorm()) {
        add(layer + "self_attn.q_norm.weight", 0, config.headDim());
        add(layer + "self_attn.k_norm.weight", 0, config.headDim());
      }
      add(layer + "post_attention_layernorm.weight", 0, hidden);
    }
    add("model.norm.weight", 0, hidden);
  }

  private void addAdapters(ModelConfig config, int rank) {
    long hidden = config.hiddenSize();
    long inner = config.intermediateSize();
    long queries = (long) config.heads() * config.headDim();
    long keys = (long) config.kvHeads() * config.headDim();
    for (int i = 0; i < config.layers(); i++) {
      String attention = layer(i) + "self_attn.";
      String mlp = layer(i) + "mlp.";
      String[] qkv = {attention + "q_proj", attention + "k_proj", attention + "v_proj"};
      addAdapter(rank, hidden, qkv, queries, keys, keys);
      addAdapter(rank, queries, new String[] {attention + "o_proj"}, hidden);
      addAdapter(rank, hidden, new String[] {mlp + "gate_proj", mlp + "up_proj"}, inner, inner);
      addAdapter(rank, inner, new String[] {mlp + "down_proj"}, hidden);
    }
    matrices = end;
  }

  /** The parts' A one after another, then each part's B. */
  private void addAdapter(int rank, long in, String[] parts, long... outs) {
    for (String part : parts) {
      add(adapterDown(part), rank, in);
    }
    for (int i = 0; i < parts.length; i++) {
      add(adapterUp(parts[i]), outs[i], rank);
    }
  }

  /**
   * PEFT's name of the A of a linear layer.
   *
   * @param part such as {@code model.layers.0.self_attn.q_proj}
   */
  static String adapterDown(String part) {
    return "base_model.model." + part + ".lora_A.weight";
  }

  /** PEFT's name of the B of a linear layer. */
  static String adapterUp(String part) {
    return "base_model.model." + part + ".lora_B.weight";
  }

  static boolean isAdapterUp(String name) {
    return name.endsWith(".lora_B.weight");
  }

  static String layer(int i) {
    return "model.layers." + i + ".";
  }

  private void add(String name, long rows, long cols) {
    Slot slot = new Slot(name, end, rows, cols);
    slots.put(name, slot);
    end += slot.elements();
  }

  /** All weights, by rising offset. */
  List<Slot> slots() {
    return new ArrayList<>(slots.values());
  }

  /** Whether the model has this weight. */
  boolean has(String name) {
    return slots.containsKey(name);
  }

  Slot slot(String name) {
    Slot slot = slots.get(name);
    if (slot == null) {
      throw new IllegalArgumentException("no weight " + name);
    }
    return slot;
  }

  /** Elements of all matrices, which come first. */
  long matrices() {
    return matrices;
  }

  /** Whether there are norms or biases. */
  boolean hasVectors() {
    return matrices < end;
  }

  /** Elements of all weights. */
  long elements() {
    return end;
  }
}
