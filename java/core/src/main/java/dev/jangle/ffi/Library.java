package dev.jangle.ffi;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;

/**
 * A loaded library.
 *
 * @param file where it lies
 * @param symbols what it exports: its own functions, never those of another library
 */
record Library(Path file, SymbolLookup symbols) {
  /** Loads the library for the life of the process. */
  static Library load(Path file) {
    return new Library(file, NativeAccess.load(file));
  }

  /**
   * The address of a function.
   *
   * @throws UnsatisfiedLinkError where the library has none of this name
   */
  MemorySegment function(String name) {
    return symbols
        .find(name)
        .orElseThrow(
            () ->
                new UnsatisfiedLinkError(
                    file + " has no function " + name + ": build it from the same sources"));
  }
}
