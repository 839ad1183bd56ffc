package dev.jangle.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.function.Executable;

/** What the tests of this package assert. */
final class FormatAssertions {
  private FormatAssertions() {}

  /** The message names the file and everything else that is given. */
  static void assertRefused(Path file, Executable executable, String... parts) {
    String message = assertThrows(FormatException.class, executable).getMessage();
    assertTrue(message.startsWith(file + ": "), () -> message + " does not name " + file);
    for (String part : parts) {
      assertTrue(message.contains(part), () -> "[" + message + "] lacks [" + part + "]");
    }
  }

  /** Opening fails, and says why. */
  static void assertRefused(Path file, String... parts) {
    assertRefused(file, () -> Checkpoint.open(file).close(), parts);
  }

  static byte[] bytes(Tensor tensor) {
    return tensor.data().toArray(ValueLayout.JAVA_BYTE);
  }

  /** The checkpoint holds exactly the tensors of {@link TinyModel}, bit for bit. */
  static void assertTinyModel(
      Checkpoint checkpoint,
      DType weights,
      DType vectors,
      boolean tied,
      boolean bias,
      boolean qkNorm) {
    var shapes = TinyModel.shapes(tied, bias, qkNorm);
    assertEquals(shapes.keySet(), checkpoint.names());
    long total = 0;
    for (var entry : shapes.entrySet()) {
      String name = entry.getKey();
      DType dtype = entry.getValue().length == 1 ? vectors : weights;
      Tensor tensor = checkpoint.tensor(name);
      assertEquals(name, tensor.name());
      assertEquals(dtype, tensor.dtype());
      assertArrayEquals(entry.getValue(), tensor.shape());
      assertArrayEquals(TinyModel.data(name, dtype, entry.getValue()), bytes(tensor), name);
      assertTrue(tensor.data().isReadOnly());
      assertEquals(0, tensor.data().address() % (dtype == DType.F32 ? 4 : 2));
      total += tensor.data().byteSize();
    }
    assertEquals(total, checkpoint.weightBytes());
  }
}
