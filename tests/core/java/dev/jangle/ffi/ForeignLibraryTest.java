package dev.jangle.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** Libraries that are not of this build: made here by the C compiler, where there is one. */
@Isolated("changes what the process shares")
class ForeignLibraryTest {
  @TempDir Path folder;

  @BeforeEach
  void findCompiler() throws InterruptedException {
    try {
      assertEquals(0, run("cc", "--version"));
    } catch (IOException e) {
      Assumptions.abort("no C compiler, so no foreign library can be made: " + e);
    }
  }

  private static int run(String... command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "cc does not end");
    return process.exitValue();
  }

  /** A library whose functions do nothing, but for one that is left out. */
  private String compile(int version, String without) throws IOException, InterruptedException {
    return compile("foreign", version, 0, without);
  }

  private String compile(String file, int version, int status, String without)
      throws IOException, InterruptedException {
    StringBuilder source = new StringBuilder();
    for (String name : Bindings.DESCRIPTORS.keySet()) {
      if (!name.equals(without)) {
        int value = name.equals("jg_abi_version") ? version : status;
        source.append("int ").append(name).append("() { return ").append(value).append("; }\n");
      }
    }
    Path c = Files.writeString(folder.resolve(file + ".c"), source);
    String library = folder.resolve(file + ".so").toString();
    assertEquals(0, run("cc", "-shared", "-fPIC", "-o", library, c.toString()));
    return library;
  }

  private static String refusal(String library) throws Exception {
    return LibraryFileTest.withProperties(
        () -> assertThrows(UnsatisfiedLinkError.class, () -> Bindings.load("foreign")),
        "jangle.library.foreign",
        library);
  }

  @Test
  void anotherVersionIsRefused() throws Exception {
    String library = compile(Bindings.VERSION + 41, null);
    String message = refusal(library);
    assertTrue(message.contains(library), message);
    assertTrue(message.contains("version " + (Bindings.VERSION + 41)), message);
    assertTrue(message.contains("needs " + Bindings.VERSION), message);
  }

  @Test
  void aLibraryWithoutAFunctionIsRefused() throws Exception {
    String library = compile(Bindings.VERSION, "jg_attention");
    String message = refusal(library);
    assertTrue(message.contains(library), message);
    assertTrue(message.contains("jg_attention"), message);
  }

  @Test
  void theRightVersionIsTaken() throws Exception {
    String library = compile(Bindings.VERSION, null);
    assertEquals(Bindings.VERSION, load("foreign", library).abiVersion());
  }

  /** Each instance calls its own library, whichever were loaded before and after it. */
  @Test
  void severalLibrariesAreBoundAtOnce() throws Exception {
    Bindings cpu = Bindings.load("cpu");
    Bindings first = load("first", compile("first", Bindings.VERSION, 41, null));
    Bindings second = load("second", compile("second", Bindings.VERSION, 42, null));
    for (int round = 0; round < 2; round++) {
      assertEquals(statusOfEachGroup(1), statusesOfGroups(cpu)); // JG_INVALID_ARGUMENT
      assertEquals(statusOfEachGroup(41), statusesOfGroups(first));
      assertEquals(statusOfEachGroup(42), statusesOfGroups(second));
    }
  }

  private static Bindings load(String name, String library) {
    String property = "jangle.library." + name;
    System.setProperty(property, library);
    try {
      return Bindings.load(name);
    } finally {
      System.clearProperty(property);
    }
  }

  private static List<Integer> statusOfEachGroup(int status) {
    return Collections.nCopies(8, status);
  }

  /** What a call with nothing but null gives, in each group. */
  private static List<Integer> statusesOfGroups(Bindings bindings) {
    MemorySegment none = MemorySegment.NULL;
    return List.of(
        bindings.devices.deviceCount(none),
        bindings.memory.bufferAlloc(none, 1, none),
        bindings.streams.streamCreate(none, none),
        bindings.events.eventCreate(none, none),
        bindings.batches.batchCreate(none, 1, 1, 1, none),
        bindings.weights.packBytes(none, 0, 1, 1, none),
        bindings.cache.rope(none, none, 1, 2, none, 1, none, 2),
        bindings.rows.argmax(none, 1, 1, none, 1, none));
  }
}
