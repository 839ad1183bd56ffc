package dev.jangle.format;

import static dev.jangle.format.FormatAssertions.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HfConfigTest {
  @TempDir Path folder;

  private ModelConfig read(String json) throws IOException {
    Files.writeString(folder.resolve("config.json"), json);
    return HfConfig.read(folder);
  }

  private ModelConfig llama(String... more) throws IOException {
    return read(TinyModel.config("llama", more));
  }

  private void refused(String json, String... parts) {
    assertRefused(folder.resolve("config.json"), () -> read(json), parts);
  }

  private void llamaRefused(String key, String... parts) {
    refused(TinyModel.config("llama", key), parts);
  }

  @Test
  void everyKey() throws IOException {
    assertEquals(
        new ModelConfig(
            "llama",
            32,
            64,
            2,
            4,
            2,
            8,
            20,
            128,
            1e-5f,
            500000,
            new RopeScaling.None(),
            true,
            true,
            false,
            OptionalInt.of(3),
            Set.of(4, 5)),
        llama(
            "\"rope_theta\": 500000.0",
            "\"tie_word_embeddings\": true",
            "\"attention_bias\": true",
            "\"bos_token_id\": 3",
            "\"eos_token_id\": [4, 5]",
            "\"hidden_act\": \"silu\"",
            "\"quantization_config\": null",
            "\"unknown_to_us\": {\"a\": [1, {}]}"));
  }

  @Test
  void defaultsAreThoseOfTransformers() throws IOException {
    ModelConfig llama = llama();
    assertEquals(10000, llama.ropeTheta());
    assertEquals(OptionalInt.of(1), llama.bosTokenId());
    assertEquals(Set.of(2), llama.eosTokenIds());
    assertFalse(llama.tiedEmbeddings());
    ModelConfig none = llama("\"bos_token_id\": null", "\"eos_token_id\": null");
    assertEquals(OptionalInt.empty(), none.bosTokenId());
    assertEquals(Set.of(), none.eosTokenIds());
    String json = TinyModel.config("qwen3").replace(", \"head_dim\": 8", "");
    ModelConfig qwen3 = read(json);
    assertEquals(128, qwen3.headDim());
    assertEquals(OptionalInt.empty(), qwen3.bosTokenId());
    assertTrue(qwen3.qkNorm());
    assertFalse(qwen3.qkvBias());
    assertEquals(8, read(json.replace("qwen3", "qwen2")).headDim());
    assertTrue(read(json.replace("qwen3", "qwen2")).qkvBias());
    String noKvHeads = TinyModel.config("llama").replace("\"num_key_value_heads\": 2, ", "");
    noKvHeads = noKvHeads.replace(", \"num_key_value_heads\": 2", "");
    assertEquals(4, read(noKvHeads).kvHeads());
    refused(noKvHeads.replace("llama", "qwen2"), "num_key_value_heads is missing");
    assertEquals(1e-6f, read(TinyModel.config("llama").replace("_eps", "_x")).rmsNormEps());
  }

  @Test
  void generationConfigAddsEndTokens() throws IOException {
    Path generation = folder.resolve("generation_config.json");
    Files.writeString(generation, "{\"eos_token_id\": [7, 9]}");
    assertEquals(Set.of(7, 9), llama().eosTokenIds());
    assertEquals(Set.of(4, 7, 9), llama("\"eos_token_id\": 4").eosTokenIds());
    Files.writeString(generation, "{\"eos_token_id\": \"</s>\"}");
    assertRefused(generation, this::llama, "eos_token_id", "integer");
    Files.writeString(generation, "{\"eos_token_id\": [7, 20]}");
    assertRefused(generation, this::llama, "eos_token_id is 20", "vocab_size of 20");
    Files.writeString(generation, "{\"eos_token_id\": -1}");
    assertRefused(generation, this::llama, "eos_token_id is -1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"rope_scaling\"", "\"rope_parameters\""})
  void ropeOfBothVersions(String key) throws IOException {
    String llama3 =
        "{\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0,"
            + " \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 40}";
    assertEquals(new RopeScaling.Llama3(8, 1, 4, 40), llama(key + ":" + llama3).ropeScaling());
    assertEquals(
        new RopeScaling.Linear(2.5),
        llama(key + ": {\"type\": \"linear\", \"factor\": 2.5}").ropeScaling());
    assertEquals(
        new RopeScaling.None(), llama(key + ": {\"rope_type\": \"default\"}").ropeScaling());
    assertEquals(
        new RopeScaling.Yarn(4, 128, 32, 1, 0.1 * Math.log(4) + 1, true),
        llama(key + ": {\"rope_type\": \"yarn\", \"factor\": 4}").ropeScaling());
    assertEquals(
        new RopeScaling.Yarn(4, 64, 16, 2, 1.5, false),
        llama(
                key
                    + ": {\"rope_type\": \"yarn\", \"factor\": 4, \"beta_fast\": 16,"
                    + " \"beta_slow\": 2, \"attention_factor\": 1.5, \"truncate\": false,"
                    + " \"original_max_position_embeddings\": 64}")
            .ropeScaling());
    assertEquals(
        0.9210423553163399,
        ((RopeScaling.Yarn)
                llama(
                        key
                            + ": {\"rope_type\": \"yarn\", \"factor\": 40, \"mscale\": 0.707,"
                            + " \"mscale_all_dim\": 1.0}")
                    .ropeScaling())
            .attentionFactor(),
        1e-15);
  }

  @Test
  void ropeTheta() throws IOException {
    assertEquals(
        7,
        llama("\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 7}").ropeTheta());
    assertEquals(
        9, llama("\"rope_theta\": 9, \"rope_scaling\": {\"rope_type\": \"default\"}").ropeTheta());
    assertEquals(9, llama("\"rope_theta\": 9, \"rope_scaling\": null").ropeTheta());
    llamaRefused(
        "\"rope_theta\": 9, \"rope_parameters\": {\"rope_theta\": 7}", "rope_theta is 7", "is 9");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"rope_type\": \"dynamic\", \"factor\": 2}|is dynamic; supported: default, linear",
        "{\"rope_type\": \"longrope\", \"factor\": 2}|is longrope",
        "{\"rope_type\": \"linear\"}|rope_scaling.factor is missing",
        "{\"rope_type\": \"linear\", \"factor\": 0}|scaling's factor is 0",
        "{\"rope_type\": \"linear\", \"factor\": 1e999}|scaling's factor is Infinity",
        "{\"rope_type\": \"linear\", \"factor\": \"2\"}|expected a number",
        "{\"rope_type\": \"linear\", \"factor\": null}|factor is missing",
        "{\"rope_type\": \"llama3\", \"factor\": 2}|low_freq_factor is missing",
        "{\"rope_type\": \"default\", \"mrope_section\": [1]}|mrope_section is not supported",
        "{\"full_attention\": {\"rope_type\": \"default\"}}|full_attention is not supported",
        "{\"rope_type\": \"default\", \"partial_rotary_factor\": 0.5}|partial_rotary_factor is 0.5",
        "{\"rope_type\": 3}|expected a string",
        "[]|expected an object",
        "2.0|expected an object",
      })
  void ropeRefusals(String scaling, String part) {
    llamaRefused("\"rope_scaling\": " + scaling, part);
  }

  @Test
  void contradictingRope() {
    String scaling =
        "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2,"
            + " \"original_max_position_embeddings\": 32}";
    llamaRefused(scaling + ", \"original_max_position_embeddings\": 64", "is 32", "is 64");
    llamaRefused(
        scaling
            .replace("yarn", "llama3")
            .replace("\"factor\"", "\"low_freq_factor\": 4, \"high_freq_factor\": 4, \"factor\""),
        "not greater than low_freq_factor");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"quantization_config\": {\"bits\": 4}|quantization_config",
        "\"num_experts\": 8|mixture of experts",
        "\"num_local_experts\": 8|mixture of experts",
        "\"hidden_act\": \"gelu\"|hidden_act is gelu; supported: silu",
        "\"mlp_bias\": true|mlp_bias",
        "\"partial_rotary_factor\": 0.5|partial_rotary_factor is 0.5",
        "\"layer_types\": [\"full_attention\", \"sliding_attention\"]|sliding_attention",
        "\"sliding_window\": 64|sliding_window is 64",
        "\"final_logit_softcapping\": 30.0|final_logit_softcapping",
        "\"eos_token_id\": 20|eosTokenIds is 20, expected 0 to 19",
        "\"bos_token_id\": -1|bosTokenId is -1",
        "\"tie_word_embeddings\": \"yes\"|tie_word_embeddings is \"yes\", expected true or false",
        "\"rope_theta\": 0|ropeTheta 0",
        "\"hidden_size\": 32|Duplicate",
      })
  void refusals(String key, String part) {
    llamaRefused(key, part);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "hidden_size\": 32|hidden_size\": 0|hiddenSize is 0",
        "hidden_size\": 32|hidden_size\": -32|hiddenSize is -32",
        "hidden_size\": 32|hidden_size\": 2147483647|hiddenSize is 2147483647",
        "hidden_size\": 32|hidden_size\": 99999999999|hidden_size is 99999999999",
        "hidden_size\": 32|hidden_size\": 32.0|hidden_size is 32.0, expected an integer",
        "hidden_size\": 32|hidden_size\": null|hidden_size is missing",
        "hidden_size\": 32|hidden_size\": []|hidden_size is an array",
        "attention_heads\": 4|attention_heads\": 3|heads 3 is not a multiple of kvHeads 2",
        "attention_heads\": 4|attention_heads\": 0|heads is 0",
        "key_value_heads\": 2|key_value_heads\": 8|kvHeads is 8",
        "head_dim\": 8|head_dim\": 7|headDim 7 is odd",
        "head_dim\": 8|head_dim\": 258|headDim is 258, expected 2 to 256",
        "attention_heads\": 4|attention_heads\": 130|heads 130 is more than 64 times kvHeads 2",
        "hidden_layers\": 2|hidden_layers\": 0|layers is 0",
        "hidden_layers\": 2|hidden_layers\": 1000000000|layers is 1000000000",
        "vocab_size\": 20|vocab_size\": 0|vocabSize is 0",
        "1e-5|0|rmsNormEps 0",
        "1e-5|-1|rmsNormEps -1",
        "1e-5|NaN|not valid JSON",
        "llama|gpt2|model_type is \"gpt2\"; supported: [llama, mistral, qwen2, qwen3]",
        "model_type|type|model_type is \"\"",
      })
  void values(String from, String to, String part) {
    refused(TinyModel.config("llama").replace(from, to), part);
  }

  @Test
  void slidingWindows() throws IOException {
    assertEquals("mistral", read(TinyModel.config("mistral")).architecture());
    read(TinyModel.config("mistral", "\"sliding_window\": null"));
    read(TinyModel.config("mistral", "\"sliding_window\": 128"));
    refused(TinyModel.config("mistral", "\"sliding_window\": 127"), "sliding_window is 127");
    String longer = TinyModel.config("mistral").replace(": 128", ": 32768");
    refused(longer, "sliding_window is 4096 by default", "Set it to null");
    read(TinyModel.config("qwen2", "\"sliding_window\": 16", "\"use_sliding_window\": false"));
    refused(TinyModel.config("qwen2", "\"use_sliding_window\": true"), "use_sliding_window");
  }

  @Test
  void files() throws IOException {
    refused("", "is empty");
    refused("[]", "is not a JSON object");
    refused("{\"a\": 1} {}", "not valid JSON");
    refused("{\"a\": ", "not valid JSON");
    refused("{\"a\": \"\u0001\"}", "not valid JSON");
    refused("{\"a\": " + "[".repeat(100_000), "not valid JSON", "depth");
    refused("{\"a\": " + "1".repeat(5000) + "}", "not valid JSON", "1000");
    refused(" ".repeat(2 << 20), "more than 1048576 bytes");
    Files.write(folder.resolve("config.json"), new byte[] {'{', '"', (byte) 0xc3, '(', '"'});
    assertRefused(folder.resolve("config.json"), () -> HfConfig.read(folder), "not valid JSON");
  }
}
