package dev.jangle.cli.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.format.DType;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class SubjectTest {
  private static List<String> subjects(String model, Operation operation, DType... formats) {
    return Subject.of(List.of(ModelShape.of(model)), List.of(operation), List.of(formats)).stream()
        .map(Subject::toString)
        .toList();
  }

  @Test
  void matricesAreJoinedAsInTheForwardPass() {
    assertEquals(
        List.of(
            "matmul qkv [960][576] q8_0",
            "matmul output [576][576] q8_0",
            "matmul gate_up [3072][576] q8_0",
            "matmul down [576][1536] q8_0",
            "matmul head [49152][576] q8_0"),
        subjects("SmolLM2-135M", Operation.MATMUL, DType.Q8_0));
    assertEquals(
        List.of(
            "matmul qkv [6144][4096] bf16",
            "matmul output [4096][4096] bf16",
            "matmul gate_up [28672][4096] bf16",
            "matmul down [4096][14336] bf16",
            "matmul head [128256][4096] bf16"),
        subjects("llama-3.1-8b", Operation.MATMUL, DType.BF16));
    assertEquals(
        "matmul qkv [1152][896] f32",
        subjects("qwen2.5-0.5b", Operation.MATMUL, DType.F32).getFirst());
    assertEquals(
        "matmul qkv [3072][2048] f32",
        subjects("llama-3.2-1b", Operation.MATMUL, DType.F32).getFirst());
  }

  @Test
  void anOperationHasItsOwnFormats() {
    assertEquals(
        List.of("attention 32/8 heads of 64, 1024 keys f16"),
        subjects("llama-3.2-1b", Operation.ATTENTION, DType.F16, DType.Q4_0, DType.BF16));
    assertEquals(List.of(), subjects("tiny", Operation.SWIGLU, DType.BF16));
    assertEquals(
        4 * (5 * 6 + 6 + 7 + 3 * 2),
        Subject.of(ModelShape.MODELS, EnumSet.allOf(Operation.class), EnumSet.allOf(DType.class))
            .size());
  }

  @Test
  void anUnknownModelIsRefusedWithTheNames() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> ModelShape.of("gpt")).getMessage();
    assertTrue(message.contains("gpt") && message.contains("qwen2.5-0.5b"), message);
  }
}
