package dev.jangle.ffi;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * All restricted calls of the foreign-function interface, in one place: what {@code
 * --enable-native-access=dev.jangle} allows.
 */
@SuppressWarnings("restricted")
public final class NativeAccess {
  private static final Linker LINKER = Linker.nativeLinker();

  private NativeAccess() {}

  /**
   * To be called before anything else of this package: the handles of {@link Bindings} are static,
   * and a class that could not be initialised gives no reason when it is asked again.
   *
   * @throws IllegalCallerException where Java does not allow native code, with what to do
   */
  public static void require() {
    try {
      var _ = MemorySegment.NULL.reinterpret(1);
    } catch (IllegalCallerException e) {
      throw new IllegalCallerException(
          "Jangle may not call native code; start Java with --enable-native-access=dev.jangle"
              + " (or =ALL-UNNAMED where Jangle is on the class path)",
          e);
    }
  }

  /** Loads a library for the life of the process. */
  static SymbolLookup load(Path library) {
    try {
      return SymbolLookup.libraryLookup(library, Arena.global());
    } catch (IllegalArgumentException e) {
      throw new UnsatisfiedLinkError("cannot load " + library + ": " + reason(library));
    }
  }

  /** What the system says of a library that does not load, which a lookup keeps to itself. */
  private static String reason(Path library) {
    String file = library.toAbsolutePath().toString();
    try {
      System.load(file);
      return "not at the first try; try again";
    } catch (UnsatisfiedLinkError e) {
      return e.getMessage().replace(file + ": ", "")
          + "; if its folder does not allow programs to run (noexec), set"
          + " -Djangle.native.cache=FOLDER to another, else build Jangle on this machine";
    }
  }

  /** A handle whose first argument is the function's address, so that any library can be called. */
  static MethodHandle downcall(FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(descriptor);
  }

  /** The text at a C string's address. */
  static String string(MemorySegment address) {
    return address.reinterpret(Integer.MAX_VALUE).getString(0);
  }

  /** Host memory that a library gave us, as a segment of its size. */
  static MemorySegment view(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }
}
