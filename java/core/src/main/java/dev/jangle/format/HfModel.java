package dev.jangle.format;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A model as a folder in Hugging Face's layout, without its tokenizer: {@code config.json}, {@code
 * generation_config.json}, and the weights as {@code model.safetensors} or, above a size, as shards
 * with an index.
 */
public final class HfModel {
  /** Bytes of tensors in a file: transformers' own limit. */
  private static final long SHARD_BYTES = 5_000_000_000L;

  private HfModel() {}

  /** A file's tensors. */
  private record Shard(List<String> names) {}

  /**
   * Writes the files, each whole or not at all.
   *
   * @param format F32 or BF16, of all tensors
   * @throws FormatException where the model cannot be written so, saying why
   * @throws IOException naming the file where one cannot be written
   */
  public static void write(Checkpoint model, DType format, Path folder) throws IOException {
    write(model, format, folder, SHARD_BYTES);
  }

  static void write(Checkpoint model, DType format, Path folder, long shardBytes)
      throws IOException {
    if (format != DType.F32 && format != DType.BF16) {
      throw new IllegalArgumentException(
          "a Hugging Face folder in " + format + "; expected F32 or BF16");
    }
    AtomicFile.write(folder.resolve("config.json"), HfConfigWriter.config(model, format));
    String generation = HfConfigWriter.generation(model);
    if (generation != null) {
      AtomicFile.write(folder.resolve("generation_config.json"), generation);
    }
    List<Shard> shards = shards(model, format, shardBytes);
    ObjectNode index = JsonNodeFactory.instance.objectNode();
    ObjectNode metadata = index.putObject("metadata");
    ObjectNode map = index.putObject("weight_map");
    long total = 0;
    for (int i = 0; i < shards.size(); i++) {
      String file =
          shards.size() == 1
              ? HfFolder.SINGLE
              : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
      SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
      for (String name : shards.get(i).names()) {
        writer.tensor(name, format, model.shape(name), () -> TensorFloats.of(model.tensor(name)));
        map.put(name, file);
        total += Tensor.bytes(format, model.shape(name));
      }
      writer.write(folder.resolve(file));
    }
    if (shards.size() > 1) {
      metadata.put("total_size", total);
      AtomicFile.write(folder.resolve(HfFolder.INDEX), index.toPrettyString() + "\n");
    }
  }

  private static List<Shard> shards(Checkpoint model, DType format, long most) {
    List<Shard> shards = new ArrayList<>();
    long room = 0;
    for (String name : model.names()) {
      if (name.equals("lm_head.weight") && model.config().tiedEmbeddings()) {
        continue;
      }
      long bytes = Tensor.bytes(format, model.shape(name));
      if (shards.isEmpty() || bytes > room) {
        shards.add(new Shard(new ArrayList<>()));
        room = most;
      }
      shards.getLast().names().add(name);
      room -= bytes;
    }
    return shards;
  }
}
