package dev.jangle.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.JavaProgram;
import dev.jangle.backend.BackendStatus;
import dev.jangle.backend.Backends;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeAccessTest {
  /** Asks twice, since a class that failed to initialise answers otherwise the second time. */
  static final class Probe {
    public static void main(String[] arguments) {
      for (int i = 0; i < 2; i++) {
        for (BackendStatus status : Backends.probe()) {
          System.out.println(status.available() + " " + status.reason());
        }
      }
    }
  }

  @Test
  void whereJavaForbidsNativeCodeEveryBackendSaysHowToAllowIt() throws Exception {
    Process process =
        new ProcessBuilder(
                JavaProgram.command(Probe.class, List.of("--illegal-native-access=deny")))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<String> lines;
    try (var output = process.getInputStream()) {
      lines = new String(output.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
    assertEquals(0, process.waitFor());
    assertEquals(4, lines.size(), lines.toString());
    for (String line : lines) {
      assertTrue(line.startsWith("false "), line);
      assertTrue(line.contains("--enable-native-access=dev.jangle"), line);
    }
  }

  @Test
  void aLibraryThatDoesNotLoadSaysWhyAndWhatToDo(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("libshort.so"), "x");
    String message =
        assertThrows(UnsatisfiedLinkError.class, () -> NativeAccess.load(file)).getMessage();
    assertTrue(message.startsWith("cannot load " + file + ": file too short; "), message);
    assertTrue(message.contains("jangle.native.cache"), message);
  }
}
