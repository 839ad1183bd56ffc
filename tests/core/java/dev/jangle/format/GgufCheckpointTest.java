package dev.jangle.format;

import static dev.jangle.format.FormatAssertions.assertRefused;
import static dev.jangle.format.FormatAssertions.assertTinyModel;
import static dev.jangle.format.FormatAssertions.bytes;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufCheckpointTest {
  @TempDir Path folder;

  private Checkpoint open(GgufBytes writer) throws IOException {
    return Checkpoint.open(writer.write(folder.resolve("model.gguf")));
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void everyFormatIsReadAndLlamaRowsAreUnpermuted(DType dtype) throws IOException {
    try (Checkpoint checkpoint = open(TinyModel.gguf("llama", dtype, false, true, false))) {
      assertTinyModel(checkpoint, dtype, DType.F32, false, true, false);
      assertTrue(checkpoint.config().qkvBias());
      assertFalse(checkpoint.config().tiedEmbeddings());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen2", "qwen3"})
  void qwenRowsAreNotPermuted(String architecture) throws IOException {
    boolean qwen2 = architecture.equals("qwen2");
    GgufBytes writer = TinyModel.gguf(architecture, DType.Q8_0, true, qwen2, !qwen2);
    try (Checkpoint checkpoint = open(writer)) {
      assertTinyModel(checkpoint, DType.Q8_0, DType.F32, true, qwen2, !qwen2);
      assertEquals(qwen2, checkpoint.config().qkvBias());
      assertEquals(!qwen2, checkpoint.config().qkNorm());
      assertTrue(checkpoint.config().tiedEmbeddings());
      assertEquals(architecture, checkpoint.config().architecture());
    }
  }

  @Test
  void configuration() throws IOException {
    GgufBytes writer =
        TinyModel.gguf()
            .put("tokenizer.ggml.eot_token_id", 7)
            .put("tokenizer.ggml.eom_token_id", 5)
            .put("llama.vocab_size", TinyModel.VOCAB);
    try (Checkpoint checkpoint = open(writer)) {
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
              20000,
              new RopeScaling.None(),
              false,
              false,
              false,
              OptionalInt.of(1),
              Set.of(2, 5, 7)),
          checkpoint.config());
      assertEquals("GGUF v3", checkpoint.formatName());
      assertEquals(folder.resolve("model.gguf"), checkpoint.path());
    }
  }

  @Test
  void defaults() throws IOException {
    GgufBytes writer =
        TinyModel.gguf()
            .remove("llama.rope.freq_base")
            .remove("llama.rope.dimension_count")
            .remove("tokenizer.ggml.bos_token_id")
            .remove("tokenizer.ggml.eos_token_id")
            .put("llama.attention.head_count", new int[] {4, 4})
            .put("llama.expert_count", 0);
    try (Checkpoint checkpoint = open(writer)) {
      assertEquals(10000, checkpoint.config().ropeTheta());
      assertEquals(OptionalInt.empty(), checkpoint.config().bosTokenId());
      assertEquals(Set.of(), checkpoint.config().eosTokenIds());
      assertEquals(4, checkpoint.config().heads());
    }
  }

  @Test
  void ropeScaling() throws IOException {
    try (Checkpoint checkpoint = open(TinyModel.gguf().put("llama.rope.scaling.factor", 4f))) {
      assertEquals(new RopeScaling.Linear(4), checkpoint.config().ropeScaling());
    }
    try (Checkpoint checkpoint = open(TinyModel.gguf().put("llama.rope.scale_linear", 2f))) {
      assertEquals(new RopeScaling.Linear(2), checkpoint.config().ropeScaling());
    }
    GgufBytes none =
        TinyModel.gguf()
            .put("llama.rope.scaling.type", "none")
            .put("llama.rope.scaling.factor", 4f);
    try (Checkpoint checkpoint = open(none)) {
      assertEquals(new RopeScaling.None(), checkpoint.config().ropeScaling());
    }
    GgufBytes yarn =
        TinyModel.gguf()
            .put("llama.rope.scaling.type", "yarn")
            .put("llama.rope.scaling.factor", 4f)
            .put("llama.rope.scaling.original_context_length", 32);
    try (Checkpoint checkpoint = open(yarn)) {
      assertEquals(
          new RopeScaling.Yarn(4, 32, 32, 1, 1 + 0.1 * Math.log(4), true),
          checkpoint.config().ropeScaling());
    }
  }

  @Test
  void ropeFactorsAreNotAWeight() throws IOException {
    byte[] factors = TensorBytes.of(DType.F32, 1, 2, 4, 8);
    GgufBytes writer =
        TinyModel.gguf().tensor("rope_freqs.weight", DType.F32, new long[] {4}, factors);
    try (Checkpoint checkpoint = open(writer)) {
      assertEquals(
          new RopeScaling.Factors(new float[] {1, 2, 4, 8}), checkpoint.config().ropeScaling());
      assertTinyModel(checkpoint, DType.F32, DType.F32, false, false, false);
    }
  }

  @Test
  void tokenizerOutlivesTheCheckpoint() throws IOException {
    TokenizerSource source;
    try (Checkpoint checkpoint = open(TinyModel.gguf())) {
      source = checkpoint.tokenizer();
    }
    GgufMetadata metadata = assertInstanceOf(TokenizerSource.Gguf.class, source).metadata();
    assertArrayEquals(new String[] {"<s>", "é", ""}, metadata.strings("tokenizer.ggml.tokens"));
  }

  @Test
  void otherAlignment() throws IOException {
    GgufBytes writer = TinyModel.gguf().put("general.alignment", 256).align(256);
    try (Checkpoint checkpoint = open(writer)) {
      assertTinyModel(checkpoint, DType.F32, DType.F32, false, false, false);
    }
  }

  @Test
  void missingTensorIsNamed() throws IOException {
    try (Checkpoint checkpoint = open(TinyModel.gguf())) {
      assertTrue(checkpoint.has("lm_head.weight"));
      assertFalse(checkpoint.has("output.weight"));
      assertRefused(
          checkpoint.path(), () -> checkpoint.tensor("output.weight"), "no tensor output.weight");
    }
  }

  @Test
  void dataIsGoneAfterClose() throws IOException {
    Checkpoint checkpoint = open(TinyModel.gguf());
    Tensor mapped = checkpoint.tensor("model.norm.weight");
    Tensor copied = checkpoint.tensor("model.layers.1.self_attn.q_proj.weight");
    byte[] before = bytes(copied);
    checkpoint.close();
    checkpoint.close();
    assertThrows(IllegalStateException.class, () -> mapped.data().get(ValueLayout.JAVA_BYTE, 0));
    assertArrayEquals(before, bytes(copied));
  }
}
