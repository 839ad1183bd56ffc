package dev.jangle.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path folder;

  private Path file() {
    return folder.resolve("a.safetensors");
  }

  private static SafetensorsWriter one(float... values) {
    return new SafetensorsWriter().tensor("w", DType.F32, new long[] {values.length}, () -> values);
  }

  private List<String> names() throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  @Test
  void whatIsWrittenIsReadAgain() throws IOException {
    // Three halves first: the float32 tensor after them would stand on an odd place.
    float[] halves = {0.5f, -2, 1.5f};
    float[] many = new float[300_000]; // more than one buffer
    for (int i = 0; i < many.length; i++) {
      many[i] = i * 0.37f;
    }
    new SafetensorsWriter()
        .metadata("format", "pt")
        .metadata("quoted", "a \"b\" é")
        .tensor("halves", DType.F16, new long[] {3}, () -> halves)
        .tensor("brains", DType.BF16, new long[] {3, 1}, () -> halves)
        .tensor("many", DType.F32, new long[] {300, 1000}, () -> many)
        .write(file());
    try (SafetensorsFile read = SafetensorsFile.open(file())) {
      assertEquals(Map.of("format", "pt", "quoted", "a \"b\" é"), read.metadata());
      assertEquals(List.of("many", "halves", "brains"), List.copyOf(read.tensors().keySet()));
      assertArrayEquals(many, TensorFloats.of(read.tensor("many")));
      assertArrayEquals(new long[] {300, 1000}, read.tensor("many").shape());
      assertArrayEquals(halves, TensorFloats.of(read.tensor("halves")));
      assertArrayEquals(halves, TensorFloats.of(read.tensor("brains")));
      assertThrows(FormatException.class, () -> read.tensor("other"));
    }
    // A header of a multiple of 8 bytes keeps the data aligned for readers that map it.
    byte[] bytes = Files.readAllBytes(file());
    assertEquals(0, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong() % 8);
    assertEquals(List.of("a.safetensors"), names());
  }

  @Test
  void brainFloatsAreTheNearest() {
    assertEquals(0x3f80, SafetensorsWriter.bfloat16(1));
    assertEquals(0x3f80, SafetensorsWriter.bfloat16(Float.intBitsToFloat(0x3f808000))); // to even
    assertEquals(0x3f82, SafetensorsWriter.bfloat16(Float.intBitsToFloat(0x3f818000))); // to even
    assertEquals(0x3f81, SafetensorsWriter.bfloat16(Float.intBitsToFloat(0x3f808001)));
    assertEquals((short) 0xbf81, SafetensorsWriter.bfloat16(Float.intBitsToFloat(0xbf808001)));
    assertEquals(0x7f80, SafetensorsWriter.bfloat16(Float.POSITIVE_INFINITY));
    assertEquals(0x7f80, SafetensorsWriter.bfloat16(Float.MAX_VALUE));
    assertEquals((short) 0x8000, SafetensorsWriter.bfloat16(-0f));
    assertEquals(0x7fc0, SafetensorsWriter.bfloat16(Float.intBitsToFloat(0xff800001)));
  }

  @Test
  void aFailureLeavesTheFileOfBefore() throws IOException {
    one(1, 2).write(file());
    byte[] before = Files.readAllBytes(file());
    // The temporary name leads to a device that is always full.
    Files.createSymbolicLink(folder.resolve("a.safetensors.part"), Path.of("/dev/full"));
    IOException full = assertThrows(IOException.class, () -> one(3, 4).write(file()));
    assertTrue(full.getMessage().startsWith(file() + ": cannot be written: "), full.getMessage());
    assertTrue(full.getMessage().contains("No space left on device"), full.getMessage());
    SafetensorsWriter wrong = one(5, 6).tensor("v", DType.F32, new long[] {3}, () -> new float[2]);
    IllegalArgumentException count =
        assertThrows(IllegalArgumentException.class, () -> wrong.write(file()));
    assertTrue(count.getMessage().contains("tensor v"), count.getMessage());
    assertArrayEquals(before, Files.readAllBytes(file()));
    assertEquals(List.of("a.safetensors"), names());
    Path nowhere = folder.resolve("none/a.safetensors");
    assertThrows(IOException.class, () -> one(1).write(nowhere));
    assertFalse(Files.exists(nowhere));
  }

  @Test
  void whatAKilledWriterLeftDoesNotMatter() throws IOException {
    Files.write(folder.resolve("a.safetensors.part"), new byte[100_000]);
    one(1, 2).write(file());
    try (SafetensorsFile read = SafetensorsFile.open(file())) {
      assertArrayEquals(new float[] {1, 2}, TensorFloats.of(read.tensor("w")));
    }
    assertEquals(List.of("a.safetensors"), names());
  }

  @Test
  void refusesTensorsThatTheFormatHasNot() {
    SafetensorsWriter writer = one(1);
    assertThrows(
        IllegalArgumentException.class,
        () -> writer.tensor("w", DType.F32, new long[] {1}, () -> new float[1]));
    assertThrows(
        IllegalArgumentException.class,
        () -> writer.tensor("q", DType.Q8_0, new long[] {32}, () -> new float[32]));
    assertThrows(
        IllegalArgumentException.class,
        () -> writer.tensor("z", DType.F32, new long[] {0}, () -> new float[0]));
  }
}
