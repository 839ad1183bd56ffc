package dev.jangle.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.format.FormatException;
import dev.jangle.format.TokenizerSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A model's tokenizer: Hugging Face's tokenizers library over the model's {@code tokenizer.json},
 * or over one made from a GGUF file's vocabulary. Byte-level BPE and SentencePiece BPE. Texts of
 * any length are encoded whole. A lone surrogate in a text counts as U+FFFD. Thread-safe.
 */
public final class Tokenizer implements AutoCloseable {
  /**
   * Special tokens of these names end an answer in every model that has them (llama.cpp's list).
   */
  static final Set<String> END_NAMES =
      Set.of(
          "<|eot_id|>",
          "<|eom_id|>",
          "<|im_end|>",
          "<|end|>",
          "<|end_of_text|>",
          "<|endoftext|>",
          "<end_of_turn>",
          "<|end_of_turn|>",
          "<EOT>");

  private final Path file;
  private final int bos;
  private final String templateSource;
  private final Map<String, String> templateNames;

  /** The {@code tokenizer.json}. */
  private final byte[] json;

  private final TokenTable table;
  private final SpecialTexts specials;
  private final NativeTokenizer tokenizer;
  private final Set<Integer> endTokens;

  /** Opened when text first has to be kept from being read as special tokens. */
  private PlainTokenizer plain;

  private ChatTemplate template;
  private boolean closed;

  private Tokenizer(TokenizerDefinition definition) {
    this.file = definition.file();
    this.bos = definition.bos();
    this.templateSource = definition.template();
    this.templateNames = definition.names();
    ObjectNode document = definition.json();
    document.putNull("truncation");
    document.putNull("padding");
    this.table = new TokenTable(file, document);
    this.specials = new SpecialTexts(table);
    try {
      this.json = HuggingFaceTokenizerReader.MAPPER.writeValueAsBytes(document);
      this.tokenizer = new NativeTokenizer(new String(json, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException | JsonProcessingException e) {
      throw new FormatException(
          file, "is not accepted by the tokenizers library: " + e.getMessage(), e);
    }
    Set<Integer> ends = new HashSet<>(definition.ends());
    for (int id : table.special()) {
      if (END_NAMES.contains(table.text(id))) {
        ends.add(id);
      }
    }
    this.endTokens = Set.copyOf(ends);
  }

  /**
   * Opens a checkpoint's tokenizer.
   *
   * @throws FormatException if it is damaged or of a kind that is not supported
   * @throws IOException if a file is missing or cannot be read, or the tokenizers library cannot be
   *     loaded
   */
  public static Tokenizer open(TokenizerSource source) throws IOException {
    NativeTokenizer.load();
    return new Tokenizer(
        switch (source) {
          case TokenizerSource.HuggingFace folder ->
              HuggingFaceTokenizerReader.read(folder.folder());
          case TokenizerSource.Gguf gguf -> GgufTokenizerReader.read(gguf.metadata());
        });
  }

  /**
   * The ids of a text.
   *
   * @param addSpecial whether BOS and EOS are added where the model's own rule says so
   * @param parseSpecial whether special tokens written in the text become special tokens; if not,
   *     they are encoded as text. Added tokens that are not special, such as {@code <tool_call>} in
   *     some models, are found in either case
   */
  public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
    String valid = withoutLoneSurrogates(text);
    int[] ids = tokenizer.encode(valid, addSpecial, id -> !parseSpecial && table.isSpecial(id));
    return ids == null ? plain().encode(valid, addSpecial) : ids;
  }

  /**
   * The ids of a conversation by the model's chat template, as transformers' {@code
   * apply_chat_template} gives them. Special tokens written in a message are encoded as text, so
   * that a message cannot end its own turn or open another.
   *
   * @throws IllegalStateException if the model has no chat template
   * @throws TemplateException if the template fails or refuses the conversation
   */
  public int[] encodeChat(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return encodeChat(messages, addGenerationPrompt, LocalDateTime.now(ZoneId.systemDefault()));
  }

  /**
   * The same.
   *
   * @param now what a template prints that asks for the date
   */
  public int[] encodeChat(
      List<ChatMessage> messages, boolean addGenerationPrompt, LocalDateTime now) {
    ChatTemplate chat =
        chatTemplate()
            .orElseThrow(
                () ->
                    new IllegalStateException(
                        file + ": has no chat template; encode a prompt as text"));
    boolean special = false;
    for (ChatMessage message : messages) {
      special |= specials.in(message.role()) || specials.in(message.content());
    }
    if (!special) {
      return encode(chat.render(messages, addGenerationPrompt, now), false, true);
    }
    PlainTokenizer names = plain();
    List<ChatMessage> masked = new ArrayList<>();
    for (ChatMessage message : messages) {
      masked.add(
          new ChatMessage(
              names.mask(withoutLoneSurrogates(message.role())),
              names.mask(withoutLoneSurrogates(message.content()))));
    }
    return names.encodeMasked(chat.render(masked, addGenerationPrompt, now));
  }

  /**
   * The text of ids. Bytes that are not UTF-8 become U+FFFD, one for each longest sequence that
   * some character begins with. No clean-up of spaces takes place. Ids without a token have no
   * text.
   *
   * @param skipSpecial whether special tokens are left out
   * @throws IllegalArgumentException if an id is negative
   */
  public String decode(int[] ids, boolean skipSpecial) {
    StreamingDecoder decoder = new StreamingDecoder(this, skipSpecial);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.push(id));
    }
    return text.append(decoder.flush()).toString();
  }

  /**
   * The exact bytes that a token stands for, not always whole characters; for a special token its
   * name. Empty for an id without a token: a model may have more ids than its tokenizer.
   *
   * @throws IllegalArgumentException if the id is negative
   */
  public byte[] tokenBytes(int id) {
    return bytes(id).clone();
  }

  /** The {@code tokenizer.json} that it goes by; one made of a GGUF file's vocabulary. */
  public String definition() {
    return new String(json, StandardCharsets.UTF_8);
  }

  /** One more than the largest id that has a token. */
  public int vocabSize() {
    return table.size();
  }

  /** The token that begins a text, where the model has one. */
  public OptionalInt bos() {
    return bos < 0 ? OptionalInt.empty() : OptionalInt.of(bos);
  }

  /**
   * The tokens that end an answer: those that the model's files name, and special tokens whose
   * names say so, such as {@code <|im_end|>} and {@code <|eot_id|>}.
   */
  public Set<Integer> endTokens() {
    return endTokens;
  }

  /** Whether the token is a mark of the format (BOS, end of turn) and not text. */
  public boolean isSpecial(int id) {
    return table.isSpecial(id);
  }

  /**
   * The model's chat template, where it has one.
   *
   * @throws TemplateException if it does not parse, or uses what is not supported
   */
  public synchronized Optional<ChatTemplate> chatTemplate() {
    if (template == null && templateSource != null) {
      template = ChatTemplate.parse(templateSource, templateNames);
    }
    return Optional.ofNullable(template);
  }

  /** Frees the native memory. What was opened from here must not be used any more. */
  @Override
  public synchronized void close() {
    closed = true;
    tokenizer.close();
    if (plain != null) {
      plain.close();
    }
  }

  /** Not a copy. */
  byte[] bytes(int id) {
    return table.bytes(id);
  }

  /** Whether the space at the start of a decoded text was added by the encoder. */
  boolean addsSpace() {
    return table.addsSpace();
  }

  private synchronized PlainTokenizer plain() {
    if (closed) {
      throw new IllegalStateException("the tokenizer is closed");
    }
    if (plain == null) {
      plain = new PlainTokenizer(file, json, table, specials);
    }
    return plain;
  }

  private static String withoutLoneSurrogates(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        int[] codePoints =
            text.codePoints()
                .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                .toArray();
        return new String(codePoints, 0, codePoints.length);
      }
    }
    return text;
  }
}
