package dev.jangle.format;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/**
 * A model folder in Hugging Face's layout: {@code config.json}, and {@code model.safetensors} or
 * {@code model.safetensors.index.json} with the shards that it names.
 */
final class HfFolder {
  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";
  private static final int MAX_INDEX_BYTES = 16 << 20;
  private static final int MAX_TENSORS = 1 << 16;

  /** Left by old converters; the frequencies follow from the configuration. */
  private static final String ROPE_BUFFER = ".self_attn.rotary_emb.inv_freq";

  private HfFolder() {}

  /** Maps the weights into the arena, which the checkpoint closes. */
  static Checkpoint read(Path folder, Arena arena) throws IOException {
    if (!Files.exists(folder.resolve("config.json"))) {
      throw new NoSuchFileException(
          folder.toString(), null, "has no config.json; " + inside(folder));
    }
    ModelConfig config = HfConfig.read(folder);
    Map<String, Tensor> tensors = tensors(folder, arena);
    tensors.keySet().removeIf(name -> name.endsWith(ROPE_BUFFER));
    ModelLayout.check(folder, config, tensors);
    return new MappedCheckpoint(
        folder,
        "safetensors",
        config,
        new TokenizerSource.HuggingFace(folder),
        tensors,
        UnaryOperator.identity(),
        arena);
  }

  private static Map<String, Tensor> tensors(Path folder, Arena arena) throws IOException {
    if (Files.exists(folder.resolve(SINGLE))) {
      return SafetensorsReader.read(folder.resolve(SINGLE), arena).tensors();
    }
    Path index = folder.resolve(INDEX);
    if (!Files.exists(index)) {
      throw new NoSuchFileException(
          folder.toString(),
          null,
          "has neither " + SINGLE + " nor " + INDEX + "; " + inside(folder));
    }
    Map<String, String> shardOf = weightMap(index);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String shard : new TreeSet<>(shardOf.values())) {
      Path file = folder.resolve(shard);
      if (!Files.exists(file)) {
        throw new NoSuchFileException(
            file.toString(), null, "does not exist, but " + INDEX + " names it; download it");
      }
      SafetensorsReader.read(file, arena)
          .tensors()
          .forEach(
              (name, tensor) -> {
                String owner = shardOf.get(name);
                if (!Objects.equals(owner, shard)) {
                  throw new FormatException(
                      file,
                      "has tensor "
                          + name
                          + ", which "
                          + INDEX
                          + (owner == null ? " does not list" : " places in " + owner));
                }
                tensors.put(name, tensor);
              });
    }
    for (Map.Entry<String, String> entry : shardOf.entrySet()) {
      if (!tensors.containsKey(entry.getKey())) {
        throw new FormatException(
            folder.resolve(entry.getValue()),
            "has no tensor " + entry.getKey() + ", but " + INDEX + " places it there");
      }
    }
    return tensors;
  }

  /** Tensor names to file names, from the index; whatever else it holds is skipped. */
  private static Map<String, String> weightMap(Path index) throws IOException {
    byte[] bytes = Json.readBytes(index, MAX_INDEX_BYTES);
    Map<String, String> shardOf = new LinkedHashMap<>();
    try (JsonParser parser = Json.FACTORY.createParser(bytes)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new FormatException(index, "is not a JSON object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        boolean weightMap = parser.currentName().equals("weight_map");
        JsonToken value = parser.nextToken();
        if (!weightMap) {
          parser.skipChildren();
          continue;
        }
        if (value != JsonToken.START_OBJECT) {
          throw new FormatException(index, "key weight_map is not an object");
        }
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String name = parser.currentName();
          if (parser.nextToken() != JsonToken.VALUE_STRING || shardOf.size() == MAX_TENSORS) {
            throw new FormatException(
                index,
                "key weight_map."
                    + name
                    + " is not a file name, or one of more than "
                    + MAX_TENSORS);
          }
          shardOf.put(name, fileName(index, name, parser.getText()));
        }
      }
      Json.expectEnd(index, parser);
    } catch (IOException e) {
      throw Json.notJson(index, e);
    }
    if (shardOf.isEmpty()) {
      throw new FormatException(index, "has no weight_map that names the shards");
    }
    return shardOf;
  }

  private static String fileName(Path index, String tensor, String shard) {
    if (!shard.matches("[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\\.safetensors")) {
      throw new FormatException(
          index,
          "key weight_map."
              + tensor
              + " is \""
              + (shard.length() > 80 ? shard.substring(0, 80) + "..." : shard)
              + "\", expected the name of a .safetensors file in the same folder");
    }
    return shard;
  }

  /** What a folder without the expected files holds instead, and what to do. */
  private static String inside(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        String name = String.valueOf(file.getFileName());
        if (name.endsWith(".gguf")) {
          return "it holds " + name + ": give that file";
        }
        if (name.endsWith(".bin") || name.endsWith(".pth") || name.endsWith(".pt")) {
          return "it holds " + name + ", PyTorch weights: convert them to safetensors";
        }
      }
    } catch (DirectoryIteratorException e) {
      throw new IOException(folder + ": cannot be listed: " + e.getMessage(), e);
    }
    return "give a .gguf file, or a folder with config.json and safetensors weights";
  }
}
