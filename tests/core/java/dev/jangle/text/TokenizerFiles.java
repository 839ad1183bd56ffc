package dev.jangle.text;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.TokenizerSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes the small vocabularies among the test resources where a tokenizer can be opened. */
public final class TokenizerFiles {
  private TokenizerFiles() {}

  /** Opens the vocabulary {@code name} as a {@code folder} or as a {@code gguf} file. */
  public static Tokenizer open(Path temporary, String name, String kind) throws IOException {
    return kind.equals("folder")
        ? Tokenizer.open(new TokenizerSource.HuggingFace(folder(temporary, name)))
        : openGguf(gguf(temporary, name));
  }

  static Tokenizer openGguf(Path file) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      return Tokenizer.open(checkpoint.tokenizer());
    }
  }

  public static Path folder(Path temporary, String name) throws IOException {
    Path folder = Files.createTempDirectory(temporary, name);
    Files.write(
        folder.resolve("tokenizer.json"),
        Fixtures.bytes("tokenizers/" + name + ".tokenizer.json.gz"));
    Files.write(
        folder.resolve("tokenizer_config.json"),
        Fixtures.bytes("tokenizers/" + name + ".tokenizer_config.json"));
    return folder;
  }

  static Path gguf(Path temporary, String name) throws IOException {
    return Files.write(
        Files.createTempFile(temporary, name, ".gguf"),
        Fixtures.bytes("tokenizers/" + name + ".gguf.gz"));
  }

  /** The file with one text replaced by another of the same length. */
  static Path patched(Path file, String from, String to) throws IOException {
    String bytes = Files.readString(file, StandardCharsets.ISO_8859_1);
    if (!bytes.contains(from) || from.length() != to.length()) {
      throw new IllegalArgumentException(file + " has no " + from);
    }
    return Files.writeString(file, bytes.replace(from, to), StandardCharsets.ISO_8859_1);
  }

  /** The 1,000 strings. */
  static String[] strings() throws IOException {
    return new ObjectMapper()
        .readValue(Fixtures.bytes("tokenizers/strings.json.gz"), String[].class);
  }
}
