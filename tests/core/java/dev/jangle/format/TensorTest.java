package dev.jangle.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@link DType} and {@link Tensor}. */
class TensorTest {
  @ParameterizedTest
  @CsvSource({
    "F32,0,1,4",
    "F16,1,1,2",
    "BF16,2,1,2",
    "Q8_0,3,32,34",
    "Q4_0,4,32,18",
    "Q4_1,5,32,20"
  })
  void formats(DType dtype, int code, int blockElements, int blockBytes) {
    assertEquals(code, dtype.code());
    assertEquals(blockElements, dtype.blockElements());
    assertEquals(blockBytes, dtype.blockBytes());
    assertEquals(blockElements > 1, dtype.quantized());
    assertEquals(3L * blockBytes, dtype.bytes(3L * blockElements));
    assertEquals(0, dtype.bytes(0));
    assertEquals((1L << 40) * blockBytes, dtype.bytes((1L << 40) * blockElements));
    assertThrows(IllegalArgumentException.class, () -> dtype.bytes(-blockElements));
    if (blockBytes > blockElements) {
      long most = Long.MAX_VALUE / 32 * 32;
      assertThrows(ArithmeticException.class, () -> dtype.bytes(most));
    }
    if (blockElements > 1) {
      assertThrows(IllegalArgumentException.class, () -> dtype.bytes(blockElements + 1));
    }
  }

  @Test
  void sizes() {
    long[] shape = {2, 3, 32};
    Tensor tensor = new Tensor("w", DType.Q8_0, shape, MemorySegment.ofArray(new byte[6 * 34]));
    shape[0] = 9;
    tensor.shape()[0] = 9;
    assertArrayEquals(new long[] {2, 3, 32}, tensor.shape());
    assertEquals(192, tensor.elements());
    assertEquals(6, tensor.rows());
    assertEquals(32, tensor.cols());
    assertTrue(tensor.data().isReadOnly());
    assertEquals("w Q8_0 [2, 3, 32]", tensor.toString());
    Tensor vector = new Tensor("v", DType.F32, new long[] {5}, MemorySegment.ofArray(new byte[20]));
    assertEquals(1, vector.rows());
    assertEquals(5, vector.cols());
  }

  @Test
  void shapeAndDataMustAgree() {
    refused(DType.F32, 127, 32);
    refused(DType.F32, 0);
    refused(DType.F32, 0, 0);
    refused(DType.F32, 0, 4, -1);
    refused(DType.F32, 4, 1L << 32, 1L << 32);
    refused(DType.Q4_0, 18, 2, 16);
  }

  private static void refused(DType dtype, int bytes, long... shape) {
    MemorySegment data = MemorySegment.ofArray(new byte[bytes]);
    assertThrows(IllegalArgumentException.class, () -> new Tensor("w", dtype, shape, data));
  }
}
