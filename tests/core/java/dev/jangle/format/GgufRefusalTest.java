package dev.jangle.format;

import static dev.jangle.format.FormatAssertions.assertRefused;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every GGUF file that is damaged or not supported, refused by name. */
class GgufRefusalTest {
  private static final int VERSION = 4;
  private static final int TENSOR_COUNT = 8;
  private static final int KEY_COUNT = 16;

  @TempDir Path folder;

  private void refused(GgufBytes writer, String... parts) {
    assertRefused(writer.write(folder.resolve("model.gguf")), parts);
  }

  private void refused(byte[] file, String... parts) throws IOException {
    assertRefused(Files.write(folder.resolve("model.gguf"), file), parts);
  }

  private static ByteBuffer file() {
    return ByteBuffer.wrap(TinyModel.gguf().bytes()).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void refused(ByteBuffer file, String... parts) throws IOException {
    byte[] bytes = new byte[file.capacity()];
    file.get(0, bytes);
    refused(bytes, parts);
  }

  /** Where the bytes after a name begin. */
  private static int after(ByteBuffer file, String name) {
    String text = StandardCharsets.ISO_8859_1.decode(file.duplicate().clear()).toString();
    return text.indexOf(name) + name.length();
  }

  @Test
  void whatIsNotGguf() throws IOException {
    refused(new byte[0], "is empty");
    refused("GG".getBytes(StandardCharsets.UTF_8), "not a GGUF");
    refused("PK\u0003\u0004data".getBytes(StandardCharsets.UTF_8), "zip");
    refused(new byte[] {(byte) 0x80, 2, '}', 'q'}, "pickle");
    refused("tjggxxxx".getBytes(StandardCharsets.UTF_8), "GGML");
    refused(new byte[] {0x1f, (byte) 0x8b, 8, 0}, "gzip");
    refused("<!DOCTYPE html>".getBytes(StandardCharsets.UTF_8), "HTML");
    refused("{\"error\": 1}".getBytes(StandardCharsets.UTF_8), "JSON");
    refused(TinyModel.safetensors(DType.F32, false, false, false).bytes(), "safetensors");
    refused(new byte[64], "00 00 00 00 00 00 00 00");
    String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    refused(pointer.getBytes(StandardCharsets.UTF_8), "Git LFS pointer", "git lfs pull");
  }

  @ParameterizedTest
  @CsvSource({"1,version 1", "2,version 2", "4,version 4", "50331648,big-endian"})
  void version(int version, String part) throws IOException {
    refused(file().putInt(VERSION, version), part);
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 32, 1 << 16, 100_000})
  void counts(long count) throws IOException {
    refused(file().putLong(TENSOR_COUNT, count), "the number of tensors is");
    refused(file().putLong(KEY_COUNT, count), "the number of keys is");
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 32, Integer.MAX_VALUE, 1 << 20})
  void lengths(long length) throws IOException {
    refused(file().putLong(24, length), "the length of the name of key 0 is");
    ByteBuffer file = file();
    int type = after(file, "tokenizer.ggml.tokens");
    refused(file.putLong(type + 8, length), "element count of key tokenizer.ggml.tokens");
    file = file();
    refused(file.putLong(type + 16, length), "string's length in key tokenizer.ggml.tokens");
    file = file();
    int architecture = after(file, "general.architecture");
    refused(file.putLong(architecture + 4, length), "length of key general.architecture");
  }

  @Test
  void values() throws IOException {
    ByteBuffer file = file();
    refused(
        file.putInt(after(file, "llama.block_count"), 13),
        "the type of key llama.block_count is 13");
    file = file();
    refused(file.putInt(after(file, "tokenizer.ggml.token_type") + 4, 9), "array of arrays");
    file = file();
    refused(file.put(after(file, "general.architecture") + 12, (byte) 0xff), "not UTF-8");
    GgufBytes writer = TinyModel.gguf().put("some.flag", true);
    file = ByteBuffer.wrap(writer.bytes());
    refused(file.put(after(file, "some.flag") + 4, (byte) 2), "some.flag is 2");
    refused(TinyModel.gguf().put("llama.block_count", "2"), "llama.block_count", "integer");
    refused(TinyModel.gguf().remove("llama.block_count"), "no key llama.block_count");
    refused(TinyModel.gguf().put("llama.block_count", 1L << 40), "llama.block_count is");
    refused(TinyModel.gguf().put("llama.block_count", -1L), "key llama.block_count is");
    refused(TinyModel.gguf().put("llama.block_count", -1), "at most 2^31 - 1");
    refused(TinyModel.gguf().put("llama.block_count", new int[0]), "empty array");
    refused(TinyModel.gguf().put("llama.feed_forward_length", new int[] {64, 32}), "differs");
  }

  @Test
  void repeatedKey() throws IOException {
    String text =
        new String(TinyModel.gguf().put("aa", 1).put("ab", 1).bytes(), StandardCharsets.ISO_8859_1);
    refused(
        text.replace("ab\u0004", "aa\u0004").getBytes(StandardCharsets.ISO_8859_1),
        "key aa appears twice");
  }

  @ParameterizedTest
  @CsvSource({
    "6,Q5_0",
    "7,Q5_1",
    "9,Q8_1",
    "10,Q2_K",
    "12,Q4_K",
    "14,Q6_K",
    "16,IQ2_XXS",
    "23,IQ4_XS",
    "24,I8",
    "28,F64",
    "34,TQ1_0",
    "39,MXFP4",
    "4,unknown",
    "36,unknown",
    "99,unknown"
  })
  void tensorTypes(int type, String name) {
    GgufBytes writer = TinyModel.gguf().removeTensor("blk.0.ffn_up.weight");
    refused(
        writer.tensor("blk.0.ffn_up.weight", type, List.of(32L, 64L), new byte[8192]),
        "blk.0.ffn_up.weight",
        name,
        "ggml type " + type,
        "F32, F16, BF16, Q8_0, Q4_0, Q4_1",
        "llama-quantize --pure");
  }

  @Test
  void shapes() throws IOException {
    String name = "output_norm.weight";
    for (int dimensions : new int[] {0, 5, -1}) {
      ByteBuffer file = file();
      refused(file.putInt(after(file, name), dimensions), name, "dimensions");
    }
    for (long size : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 61, 1L << 40}) {
      ByteBuffer file = file();
      refused(file.putLong(after(file, name) + 4, size), name);
    }
    byte[] data = new byte[0];
    refused(TinyModel.gguf().tensor("x", 0, List.of(1L << 32, 1L << 32, 1L << 32), data), "2^60");
    refused(TinyModel.gguf().tensor("x", 8, List.of(33L, 32L), data), "multiple of Q8_0's block");
    refused(
        TinyModel.gguf().removeTensor(name).tensor(name, 0, List.of(16L), new byte[64]),
        "model.norm.weight has shape [16], expected [32]");
    GgufBytes quantised = TinyModel.gguf().removeTensor(name);
    refused(quantised.tensor(name, 8, List.of(32L), new byte[34]), "norms and biases must be");
  }

  @Test
  void offsets() throws IOException {
    String name = "blk.1.ffn_norm.weight";
    int skip = 4 + 8 + 4;
    for (long offset : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 40}) {
      ByteBuffer file = file();
      refused(file.putLong(after(file, name) + skip, offset), name, "truncated");
    }
    ByteBuffer file = file();
    refused(file.putLong(after(file, name) + skip, 16), "not a multiple of 32");
    file = file();
    refused(file.putLong(after(file, name) + skip, 32), "overlaps tensor");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4, 33, 1 << 21, -1})
  void alignment(int alignment) {
    refused(TinyModel.gguf().put("general.alignment", alignment), "general.alignment is");
  }

  @Test
  void tensorNames() {
    String name = "blk.0.ffn_gate_exps.weight";
    long[] shape = {32};
    byte[] data = new byte[128];
    refused(TinyModel.gguf().tensor(name, DType.F32, shape, data), name, "mixture of experts");
    refused(TinyModel.gguf().tensor("blk.2.attn_norm.weight", DType.F32, shape, data), "ignore");
    refused(TinyModel.gguf().tensor("blk.00.attn_norm.weight", DType.F32, shape, data), "blk.00");
    refused(
        TinyModel.gguf().tensor("rope_factors_long.weight", DType.F32, shape, data), "longrope");
    refused(TinyModel.gguf().tensor("v.patch", DType.F32, shape, data), "tensor v.patch");
    refused(
        TinyModel.gguf().tensor("blk.0.attn_output.bias", DType.F32, shape, data), "o_proj.bias");
    refused(TinyModel.gguf().tensor("blk.0.ffn_up.bias", DType.F32, shape, data), "up_proj.bias");
    refused(TinyModel.gguf().tensor("output_norm.weight", DType.F32, shape, data), "twice");
    refused(TinyModel.gguf().tensor("a\u001b[31m\n", DType.F32, shape, data), "\\u001b[31m\\u000a");
    refused(TinyModel.gguf().removeTensor("blk.1.ffn_up.weight"), "layers.1.mlp.up_proj.weight");
    refused(TinyModel.gguf().removeTensor("token_embd.weight"), "token_embd.weight");
    refused(TinyModel.gguf("llama", DType.F32, false, false, true), "q_norm.weight", "not part of");
    refused(TinyModel.gguf("qwen2", DType.F32, false, false, false), "no tensor", "q_proj.bias");
  }

  @Test
  void kinds() {
    refused(TinyModel.gguf("gemma3", DType.F32, false, false, false), "gemma3", "[llama, qwen2");
    refused(TinyModel.gguf("mistral", DType.F32, false, false, false), "mistral; supported");
    refused(TinyModel.gguf().remove("general.architecture"), "no key general.architecture");
    refused(TinyModel.gguf().put("general.type", "adapter"), "general.type is adapter");
    refused(TinyModel.gguf().put("split.count", 3), "split.count is 3", "llama-gguf-split --merge");
    refused(
        TinyModel.gguf("llama", DType.Q4_0, false, false, false)
            .put("general.quantization_version", 1),
        "general.quantization_version is 1");
  }

  @Test
  void configurations() {
    refused(TinyModel.gguf().put("llama.expert_count", 8), "llama.expert_count");
    refused(TinyModel.gguf().put("llama.attention.scale", 0.5f), "llama.attention.scale");
    refused(TinyModel.gguf().put("llama.attention.causal", false), "llama.attention.causal");
    refused(TinyModel.gguf().put("llama.attention.sliding_window", 64), "sliding_window is 64");
    refused(TinyModel.gguf().put("llama.attention.value_length", 16), "value_length is 16");
    refused(TinyModel.gguf().put("llama.rope.dimension_count", 4), "dimension_count is 4");
    refused(TinyModel.gguf().put("llama.vocab_size", 21), "llama.vocab_size is 21");
    refused(TinyModel.gguf().put("llama.attention.head_count", 3), "head_count is 3");
    refused(TinyModel.gguf().put("llama.attention.head_count", 0), "head_count is 0");
    refused(TinyModel.gguf().put("llama.attention.head_count_kv", 3), "kvHeads 3");
    refused(TinyModel.gguf().put("llama.rope.freq_base", Float.NaN), "ropeTheta NaN");
    refused(TinyModel.gguf().put("tokenizer.ggml.eos_token_id", 20), "eosTokenIds is 20");
    refused(TinyModel.gguf().put("tokenizer.ggml.bos_token_id", -1), "bos_token_id is 4294967295");
  }

  @Test
  void ropeScalings() {
    String type = "llama.rope.scaling.type";
    refused(TinyModel.gguf().put(type, "longrope"), "is longrope; supported: none, linear, yarn");
    refused(TinyModel.gguf().put(type, "yarn"), "factor is 0");
    GgufBytes yarn = TinyModel.gguf().put(type, "yarn").put("llama.rope.scaling.factor", 4f);
    refused(yarn.put("llama.rope.scaling.yarn_ext_factor", 0.5f), "yarn_ext_factor is 0.5");
    refused(TinyModel.gguf().put("llama.rope.scaling.factor", -2f), "factor is -2");
    byte[] factors = TensorBytes.of(DType.F32, 1, 2, 4, 0);
    String name = "rope_freqs.weight";
    refused(TinyModel.gguf().tensor(name, DType.F32, new long[] {4}, factors), "divisor is 0");
    refused(TinyModel.gguf().tensor(name, DType.F32, new long[] {2}, new byte[8]), "divisor is 0");
    byte[] two = TensorBytes.of(DType.F32, 1, 2);
    refused(TinyModel.gguf().tensor(name, DType.F32, new long[] {2}, two), "expected headDim / 2");
    refused(TinyModel.gguf().tensor(name, DType.F16, new long[] {4}, new byte[8]), "expected F32");
    refused(
        TinyModel.gguf()
            .put("llama.rope.scaling.factor", 4f)
            .tensor(name, DType.F32, new long[] {4}, factors),
        "only one of them");
  }
}
