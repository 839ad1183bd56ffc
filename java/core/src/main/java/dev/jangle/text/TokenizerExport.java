package dev.jangle.text;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.format.AtomicFile;
import dev.jangle.format.GgufWriter;
import dev.jangle.format.TokenizerSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes a model's tokenizer for other programs: files of Hugging Face, or keys of a GGUF file. */
public final class TokenizerExport {
  /** What transformers and others read of a tokenizer, old and new. */
  private static final List<String> FILES =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "chat_template.jinja",
          "tokenizer.model",
          "vocab.json",
          "merges.txt");

  private TokenizerExport() {}

  /**
   * Writes the files of a Hugging Face folder: copies of those that are there, or ones made from a
   * GGUF file's vocabulary.
   *
   * @param contextLength tokens that the model was made for
   * @throws dev.jangle.format.FormatException if the tokenizer is damaged or not supported
   * @throws IOException naming the file where one cannot be read or written
   */
  public static void huggingFace(TokenizerSource source, int contextLength, Path folder)
      throws IOException {
    switch (source) {
      case TokenizerSource.HuggingFace from -> {
        for (String name : FILES) {
          Path file = from.folder().resolve(name);
          if (Files.isRegularFile(file)) {
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
            AtomicFile.write(folder.resolve(name), out -> AtomicFile.writeAll(out, bytes));
          }
        }
      }
      case TokenizerSource.Gguf gguf -> {
        TokenizerDefinition made = GgufTokenizerReader.read(gguf.metadata());
        ObjectNode document = made.json();
        document.putNull("truncation").putNull("padding");
        write(folder.resolve("tokenizer.json"), document);
        write(folder.resolve("tokenizer_config.json"), config(made, contextLength));
      }
    }
  }

  /** The class is transformers' own for a tokenizer.json that says everything. */
  private static ObjectNode config(TokenizerDefinition made, int contextLength) {
    ObjectNode config = HuggingFaceTokenizerReader.MAPPER.createObjectNode();
    config.put("tokenizer_class", "PreTrainedTokenizerFast");
    config.put("clean_up_tokenization_spaces", false);
    config.put("model_max_length", contextLength);
    made.names().forEach(config::put);
    if (made.template() != null) {
      config.put("chat_template", made.template());
    }
    return config;
  }

  private static void write(Path file, ObjectNode json) throws IOException {
    AtomicFile.write(file, HuggingFaceTokenizerReader.MAPPER.writeValueAsString(json));
  }

  /**
   * Puts the keys of a tokenizer of byte-level or SentencePiece BPE into a GGUF file; one that came
   * from a GGUF file has them there.
   *
   * @param vocabSize rows of the model's embedding
   * @throws dev.jangle.format.FormatException if the tokenizer is damaged, or does what GGUF has no
   *     name for
   * @throws IOException if a file is missing or cannot be read
   */
  public static void gguf(TokenizerSource.HuggingFace source, int vocabSize, GgufWriter writer)
      throws IOException {
    try (Tokenizer tokenizer = Tokenizer.open(source)) {
      int[] frame = tokenizer.encode("", true, false);
      GgufVocabulary.put(
          HuggingFaceTokenizerReader.read(source.folder()), vocabSize, frame, writer);
    }
  }
}
