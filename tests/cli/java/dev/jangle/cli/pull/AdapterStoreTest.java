package dev.jangle.cli.pull;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Pipes;
import dev.jangle.smollm2.MsnAdapter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdapterStoreTest {
  private static final Path OURS = Path.of("smollm2-msn");

  @TempDir Path home;

  private AdapterStore store() {
    return new AdapterStore(Pipes.of(Map.of("JANGLE_HOME", home.toString())));
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void theOneThatComesWithJangleIsWrittenUnderItsHash() throws IOException {
    Path folder = store().resolve(OURS);
    assertEquals(
        home.resolve("adapters").resolve("smollm2-msn-" + MsnAdapter.contentHash()), folder);
    assertTrue(folder.toString().matches(".*-[0-9a-f]{16}"), folder.toString());
    assertEquals(
        List.of("README.md", "adapter_config.json", "adapter_model.safetensors"), names(folder));
    assertEquals(folder, store().resolve(OURS));
    assertEquals(home, store().resolve(home), "a folder is itself");
  }

  @Test
  void itsFilesAreReadByWhoReadsOtherFiles() throws IOException {
    Path other = Files.writeString(home.resolve("other"), "");
    Path ours = store().resolve(OURS).resolve("adapter_model.safetensors");
    assertEquals(Files.getPosixFilePermissions(other), Files.getPosixFilePermissions(ours));
  }

  @Test
  void whatCannotBeWrittenLeavesNothing() throws IOException {
    Path folder = store().resolve(OURS);
    Path config = folder.resolve("adapter_config.json");
    Files.delete(config);
    Files.createDirectories(config.resolve("in the way"));
    assertThrows(IOException.class, () -> MsnAdapter.writeTo(folder));
    assertEquals(
        List.of("README.md", "adapter_config.json", "adapter_model.safetensors"), names(folder));
    Failure failure = assertThrows(Failure.class, () -> store().resolve(OURS));
    assertTrue(failure.getMessage().contains("JANGLE_HOME"), failure.getMessage());
  }
}
