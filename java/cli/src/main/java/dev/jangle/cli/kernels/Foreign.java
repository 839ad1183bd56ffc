package dev.jangle.cli.kernels;

import dev.jangle.backend.DeviceBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * All restricted calls of the foreign-function interface, in one place: what {@code
 * --enable-native-access=dev.jangle.cli} allows.
 */
@SuppressWarnings("restricted")
final class Foreign {
  private Foreign() {}

  /**
   * A library by the name that the system's loader knows it under, for the life of the process.
   *
   * @throws IllegalArgumentException where it cannot be loaded
   */
  static SymbolLookup library(String name) {
    return SymbolLookup.libraryLookup(name, Arena.global());
  }

  /** The same by its file. */
  static SymbolLookup library(Path file) {
    return SymbolLookup.libraryLookup(file, Arena.global());
  }

  static MethodHandle downcall(MemorySegment function, FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(function, descriptor);
  }

  /** A CPU's buffer as the ordinary memory that it is. */
  static MemorySegment view(DeviceBuffer buffer) {
    return MemorySegment.ofAddress(buffer.address()).reinterpret(buffer.bytes());
  }

  /** The text at a C string's address. */
  static String string(MemorySegment address) {
    return address.reinterpret(Integer.MAX_VALUE).getString(0);
  }
}
