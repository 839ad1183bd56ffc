package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.format.TokenizerSource;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tokenizers library in a program of its own, since a program loads it once. */
final class TokenizerLibraryTest {
  @TempDir private Path temporary;

  /** An {@link IOException}, which is the user's to mend and not an error of the library. */
  @Test
  void aFolderThatCannotBeWrittenToIsSaid() throws Exception {
    Path file = Files.createFile(temporary.resolve("file"));
    Path output = temporary.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin/java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classPath(),
            TokenizerLibraryTest.class.getName(),
            TokenizerFiles.folder(temporary, "smollm").toString());
    builder.environment().put("ENGINE_CACHE_DIR", file.resolve("no folder").toString());
    Process process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "does not end");
    String said = Files.readString(output, StandardCharsets.UTF_8);
    assertTrue(said.contains("cannot be loaded"), said);
    assertTrue(said.contains("set ENGINE_CACHE_DIR to one"), said);
  }

  /** Opens the tokenizer of a folder, and writes what an IOException says. */
  public static void main(String[] arguments) {
    try (Tokenizer tokenizer =
        Tokenizer.open(new TokenizerSource.HuggingFace(Path.of(arguments[0])))) {
      System.out.println("opened with " + tokenizer.vocabSize() + " tokens");
    } catch (IOException e) {
      System.out.println(e.getMessage());
    }
  }

  /** What this process runs with, be it on the module path or not. */
  private static String classPath() throws URISyntaxException {
    List<String> entries = new ArrayList<>();
    for (Class<?> type : List.of(TokenizerLibraryTest.class, Tokenizer.class)) {
      entries.add(
          Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString());
    }
    Stream.of("java.class.path", "jdk.module.path")
        .map(name -> System.getProperty(name, ""))
        .filter(path -> !path.isEmpty())
        .forEach(entries::add);
    return String.join(File.pathSeparator, entries);
  }
}
