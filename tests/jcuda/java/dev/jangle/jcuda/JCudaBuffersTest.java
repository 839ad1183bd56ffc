package dev.jangle.jcuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import jcuda.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Memory of one world in the other. */
class JCudaBuffersTest {
  static void refused(Class<? extends RuntimeException> type, Executable call, String part) {
    String message = assertThrows(type, call).getMessage();
    assertTrue(message.contains(part), message);
  }

  @Test
  void memoryOfTheCpuIsRefused() {
    try (Backend cpu = Backend.open(BackendKind.CPU, 1, null);
        DeviceBuffer buffer = cpu.allocate(512)) {
      refused(
          IllegalArgumentException.class, () -> JCudaBuffers.pointer(buffer), "the CPU backend");
      Pointer pointer = Pointer.to(new float[4]);
      refused(
          IllegalArgumentException.class,
          () -> JCudaBuffers.buffer(cpu, pointer, 16).close(),
          "BackendKind.CUDA");
      refused(
          RuntimeException.class,
          () -> cpu.wrap(buffer.address(), 512).close(),
          "the CPU takes no memory of other libraries");
    }
  }

  @Test
  void aPointerIsTheBuffersAddress() {
    try (Backend backend = Gpu.open();
        DeviceBuffer buffer = backend.allocate(1000)) {
      Pointer pointer = JCudaBuffers.pointer(buffer);
      assertEquals(Pointer.class, pointer.getClass());
      assertEquals(pointer, JCudaBuffers.pointer(buffer));
      assertEquals(
          "Pointer[nativePointer=0x" + Long.toHexString(buffer.address()) + ",byteOffset=0]",
          pointer.toString());
      buffer.close();
      refused(IllegalStateException.class, () -> JCudaBuffers.pointer(buffer), "closed");
    }
  }

  @Test
  void aLentBufferIsTheSameMemoryAndClosingItFreesNothing() {
    try (Backend backend = Gpu.open();
        Kernels kernels = backend.newKernels();
        DeviceBuffer owner = kernels.upload(new float[] {1, 2, 3, 4})) {
      Pointer pointer = JCudaBuffers.pointer(owner);
      DeviceBuffer lent = JCudaBuffers.buffer(backend, pointer, 16);
      assertEquals(16, lent.bytes());
      assertEquals(pointer, JCudaBuffers.pointer(lent));
      kernels.residual(Matrix.of(lent, 1, 4), Matrix.of(owner, 1, 4));
      assertArrayEquals(new float[] {2, 4, 6, 8}, Gpu.floats(kernels, lent, 4));
      lent.close();
      lent.close();
      refused(IllegalStateException.class, () -> JCudaBuffers.pointer(lent), "closed");
      assertArrayEquals(new float[] {2, 4, 6, 8}, Gpu.floats(kernels, owner, 4));
    }
  }

  @Test
  void aPointersOffsetCounts() {
    try (Backend backend = Gpu.open();
        DeviceBuffer owner = backend.allocate(1024)) {
      Pointer pointer = JCudaBuffers.pointer(owner).withByteOffset(768).withByteOffset(-256);
      try (DeviceBuffer part = JCudaBuffers.buffer(backend, pointer, 512)) {
        assertEquals(owner.address() + 512, part.address());
      }
    }
  }

  @Test
  void whatIsNotMemoryOfTheGpuIsRefused() {
    try (Backend backend = Gpu.open();
        DeviceBuffer owner = backend.allocate(1024)) {
      Class<IllegalArgumentException> argument = IllegalArgumentException.class;
      refused(argument, () -> JCudaBuffers.buffer(backend, new Pointer(), 16).close(), "null");
      refused(
          argument,
          () -> JCudaBuffers.buffer(backend, Pointer.to(new float[4]), 16).close(),
          "memory of Java");
      refused(
          argument,
          () -> JCudaBuffers.buffer(backend, new Pointer().withByteOffset(512), 16).close(),
          "null");
      Pointer pointer = JCudaBuffers.pointer(owner);
      for (long bytes : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
        refused(
            RuntimeException.class,
            () -> JCudaBuffers.buffer(backend, pointer, bytes).close(),
            bytes + " bytes");
      }
      refused(
          RuntimeException.class,
          () -> JCudaBuffers.buffer(backend, pointer, 1L << 40).close(),
          "byte 1099511627775 of 1099511627776");
      refused(
          RuntimeException.class,
          () -> JCudaBuffers.buffer(backend, pointer.withByteOffset(4), 16).close(),
          "aligned to 256 bytes");
    }
  }
}
