package dev.jangle;

import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.SafetensorsBytes;
import dev.jangle.format.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.function.BiConsumer;

/**
 * Writes a tiny model as a Hugging Face folder: the weights of the fixture {@code gguf_f32}, a
 * byte-level vocabulary of the same 288 tokens, and a chat template where one is wanted. Its head
 * is a copy of its embedding, so that the one can be damaged without the other.
 */
final class TinyFolder {
  static final int CONTEXT = 1024;
  private static final String[] SPECIALS = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  private static final String[] MERGES = {
    "t h",
    "i n",
    "a n",
    "e r",
    "o n",
    "r e",
    "a t",
    "e n",
    "o r",
    "e s",
    "s t",
    "a l",
    "a r",
    "i t",
    "l e",
    "n d",
    "th e",
    "in g",
    "an d",
    "i s",
    "o u",
    "e d",
    "l l",
    "r o",
    "l i",
    "\u0120 a",
    "\u0120 s",
    "\u0120 w",
    "\u0120 the"
  };
  private static final String TEMPLATE =
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n'"
          + " + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  private TinyFolder() {}

  /** The fixture of this name: a GGUF file with a tokenizer and no chat template. */
  static Path gguf(String name) {
    return Path.of(System.getProperty("jangle.root"), "tests/core/resources/models", name)
        .resolve("model.gguf");
  }

  /** A model with a chat template. */
  static Path chat(Path folder) {
    return write(folder, true, (name, data) -> {});
  }

  /**
   * Writes a model.
   *
   * @param change may change the float32 data of each tensor, by its name
   */
  static Path write(Path folder, boolean chat, BiConsumer<String, ByteBuffer> change) {
    try (Checkpoint source = Checkpoint.open(gguf("gguf_f32"))) {
      Files.createDirectories(folder);
      SafetensorsBytes writer = new SafetensorsBytes().metadata();
      List<String> names = new ArrayList<>(source.names());
      names.add("lm_head.weight");
      for (String name : names) {
        Tensor tensor =
            source.tensor(name.equals("lm_head.weight") ? "model.embed_tokens.weight" : name);
        if (tensor.dtype() != DType.F32) {
          throw new IllegalStateException(tensor.toString());
        }
        byte[] bytes = tensor.data().toArray(ValueLayout.JAVA_BYTE);
        change.accept(name, ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
        writer.tensor(name, "F32", tensor.shape(), bytes);
      }
      writer.write(folder.resolve("model.safetensors"));
      Files.writeString(folder.resolve("config.json"), config(source.config()));
      Files.writeString(folder.resolve("tokenizer.json"), tokenizer(source.config().vocabSize()));
      Files.writeString(
          folder.resolve("tokenizer_config.json"),
          "{\"bos_token\": \"<|im_start|>\", \"eos_token\": \"<|im_end|>\""
              + (chat ? ", \"chat_template\": \"" + TEMPLATE.replace("\\n", "\\\\n") + "\"" : "")
              + "}");
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String config(ModelConfig c) {
    return """
    {"model_type": "llama", "hidden_size": %d, "intermediate_size": %d,
     "num_hidden_layers": %d, "num_attention_heads": %d, "num_key_value_heads": %d,
     "head_dim": %d, "max_position_embeddings": %d, "vocab_size": %d, "rms_norm_eps": %s,
     "rope_theta": %s, "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2}
    """
        .formatted(
            c.hiddenSize(),
            c.intermediateSize(),
            c.layers(),
            c.heads(),
            c.kvHeads(),
            c.headDim(),
            CONTEXT,
            c.vocabSize(),
            c.rmsNormEps(),
            c.ropeTheta());
  }

  private static String tokenizer(int vocabSize) {
    List<String> tokens = new ArrayList<>(List.of(SPECIALS));
    int unprintable = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
      tokens.add(String.valueOf((char) (printable ? b : unprintable++)));
    }
    StringJoiner merges = new StringJoiner(", ", "[", "]");
    for (String merge : MERGES) {
      tokens.add(merge.replace(" ", ""));
      merges.add("\"" + merge + "\"");
    }
    if (tokens.size() != vocabSize) {
      throw new IllegalStateException(tokens.size() + " tokens, expected " + vocabSize);
    }
    StringJoiner vocab = new StringJoiner(", ", "{", "}");
    for (int id = 0; id < tokens.size(); id++) {
      vocab.add(quote(tokens.get(id)) + ": " + id);
    }
    StringJoiner added = new StringJoiner(", ", "[", "]");
    for (int id = 0; id < SPECIALS.length; id++) {
      added.add(
          """
          {"id": %d, "content": "%s", "single_word": false, "lstrip": false, "rstrip": false,
           "normalized": false, "special": true}\
          """
              .formatted(id, SPECIALS[id]));
    }
    return """
    {"version": "1.0", "truncation": null, "padding": null, "added_tokens": %s,
     "normalizer": null,
     "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
      "use_regex": true},
     "post_processor": null,
     "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
      "use_regex": true},
     "model": {"type": "BPE", "dropout": null, "unk_token": null,
      "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
      "byte_fallback": false, "vocab": %s, "merges": %s}}
    """
        .formatted(added, vocab, merges);
  }

  private static String quote(String token) {
    return "\"" + token.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }
}
