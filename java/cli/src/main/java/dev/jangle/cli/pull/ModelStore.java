package dev.jangle.cli.pull;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The user's models: {@code models/} in {@code JANGLE_HOME}, else {@code $XDG_CACHE_HOME/jangle},
 * else {@code ~/.cache/jangle}. One folder each; a folder under its final name is whole.
 */
public final class ModelStore {
  private final Path models;

  public ModelStore(Terminal terminal) {
    this.models = home(terminal).resolve("models");
  }

  static Path home(Terminal terminal) {
    if (terminal.variable("JANGLE_HOME") != null) {
      return Path.of(terminal.variable("JANGLE_HOME")).toAbsolutePath();
    }
    if (terminal.variable("XDG_CACHE_HOME") != null) {
      return Path.of(terminal.variable("XDG_CACHE_HOME"), "jangle").toAbsolutePath();
    }
    String home = terminal.variable("HOME");
    return Path.of(home == null ? System.getProperty("user.home") : home, ".cache", "jangle")
        .toAbsolutePath();
  }

  Path models() {
    return models;
  }

  /** The names of what is there, as they can be given to {@code -m}. */
  public List<String> pulled() throws IOException {
    if (!Files.isDirectory(models)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(models)) {
      return entries
          .filter(Files::isDirectory)
          .map(entry -> entry.getFileName().toString())
          .filter(name -> !name.startsWith("."))
          .map(name -> name.contains("--") ? "hf:" + name.replace("--", "/") : name)
          .sorted()
          .toList();
    }
  }

  /** What can be pulled, in words. */
  public static List<String> known() {
    List<String> names = new ArrayList<>();
    KnownModel.ALL.forEach(model -> names.add(model.name()));
    names.add("hf:ORG/NAME");
    return names;
  }

  /**
   * The file or folder of a model: a path, or a name that was pulled.
   *
   * @throws Failure that says what is there and how to get more
   */
  public Path resolve(String model) throws IOException {
    Path path = Path.of(model);
    if ((model.endsWith(".gguf") && Files.exists(path))
        || Files.isRegularFile(path.resolve("config.json"))) {
      return path;
    }
    Path folder = folder(model);
    if (folder != null && Files.isDirectory(folder)) {
      return content(folder);
    }
    if (folder != null) {
      throw new Failure(model + " is not here yet; get it with: jangle pull " + model);
    }
    List<String> pulled = pulled();
    throw new Failure(
        "no model "
            + model
            + ": "
            + (Files.exists(path)
                ? "it is neither a .gguf file nor a folder with config.json"
                : "neither a file or folder, nor the name of a pulled model")
            + " (pulled: "
            + (pulled.isEmpty() ? "none" : String.join(", ", pulled))
            + "; jangle pull knows: "
            + String.join(", ", known())
            + ")");
  }

  /** Where a model of this name is or would be; null for a name that cannot be pulled. */
  Path folder(String name) {
    if (KnownModel.named(name).isPresent()) {
      return models.resolve(name);
    }
    return HubName.parse(name).map(hub -> models.resolve(hub.folder())).orElse(null);
  }

  /** A pulled folder is either a Hugging Face folder or holds one GGUF file. */
  static Path content(Path folder) throws IOException {
    if (Files.isRegularFile(folder.resolve("config.json"))) {
      return folder;
    }
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .filter(entry -> entry.toString().endsWith(".gguf"))
          .findFirst()
          .orElseThrow(
              () -> new Failure(folder + " holds no model; remove the folder and pull it again"));
    }
  }
}
