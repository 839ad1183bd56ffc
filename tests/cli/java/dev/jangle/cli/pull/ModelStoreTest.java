package dev.jangle.cli.pull;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Pipes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelStoreTest {
  @TempDir Path home;

  private ModelStore store(Map<String, String> environment) {
    return new ModelStore(Pipes.of(environment));
  }

  private ModelStore store() {
    return store(Map.of("JANGLE_HOME", home.toString()));
  }

  private Path pulled(String folder, String file) throws IOException {
    Path path = home.resolve("models").resolve(folder).resolve(file);
    Files.createDirectories(path.getParent());
    return Files.createFile(path);
  }

  @Test
  void theFolderIsTheEnvironments() {
    assertEquals(home.resolve("models"), store().models());
    assertEquals(
        home.resolve("jangle/models"), store(Map.of("XDG_CACHE_HOME", home.toString())).models());
    assertEquals(
        home.resolve(".cache/jangle/models"), store(Map.of("HOME", home.toString())).models());
  }

  @Test
  void namesAndPathsAreResolved() throws IOException {
    assertEquals(List.of(), store().pulled());
    Path gguf = pulled("smollm2", "model.gguf");
    Path config = pulled("org--name", "config.json");
    Path revision = pulled("org--name@refs--pr--1", "config.json");
    pulled(".org--other.partial", "config.json");
    assertEquals(List.of("hf:org/name", "hf:org/name@refs/pr/1", "smollm2"), store().pulled());
    assertEquals(revision.getParent(), store().resolve("hf:org/name@refs/pr/1"));
    assertEquals(gguf, store().resolve("smollm2"));
    assertEquals(config.getParent(), store().resolve("hf:org/name"));
    assertEquals(gguf, store().resolve(gguf.toString()));
    assertEquals(config.getParent(), store().resolve(config.getParent().toString()));
  }

  @Test
  void whatIsNotThereIsToldWithWhatIs() throws IOException {
    pulled("org--name", "config.json");
    assertTold("smollm2", "jangle pull smollm2");
    assertTold("hf:org/absent", "jangle pull hf:org/absent");
    assertTold("absent.gguf", "no model absent.gguf", "hf:org/name", "smollm2");
    assertTold(home.toString(), "neither a .gguf file nor a folder with config.json");
    assertTold("hf:../../etc", "no model");
    Files.createDirectories(home.resolve("models/smollm2"));
    assertTold("smollm2", "holds no model", "pull it again");
  }

  private void assertTold(String name, String... words) {
    Failure failure = assertThrows(Failure.class, () -> store().resolve(name));
    for (String word : words) {
      assertTrue(failure.getMessage().contains(word), failure::getMessage);
    }
  }
}
