package dev.jangle.train;

import dev.jangle.text.ChatMessage;
import dev.jangle.text.TemplateException;
import dev.jangle.text.Tokenizer;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Turns examples into samples: the chat template is applied as in inference, but for the date, and
 * what the assistant wrote is learnt, up to the token that ends its turn. Counts what it cut and
 * dropped. One thread at a time.
 */
public final class SampleEncoder {
  /** What becomes of a sample that is longer than the sequence. */
  public enum TooLong {
    /** Only its first tokens are used; without an answer among them it is dropped. */
    TRUNCATE,
    /** It is not used. */
    DROP
  }

  /**
   * For templates that print the date. Today's would make another run of it tomorrow, which could
   * not go on; this is the date that Llama 3's falls back on.
   */
  private static final LocalDateTime DATE = LocalDate.of(2024, 7, 26).atStartOfDay();

  private final Tokenizer tokenizer;
  private final int most;
  private final TooLong tooLong;
  private final boolean learnPrompts;
  private int truncated;
  private int dropped;

  /**
   * An encoder of samples of at most {@code most} tokens.
   *
   * @param learnPrompts whether prompts count in the loss, too; noise never stands there
   */
  public SampleEncoder(Tokenizer tokenizer, int most, TooLong tooLong, boolean learnPrompts) {
    if (most < 2) {
      throw new IllegalArgumentException("samples of at most " + most + " tokens; expected 2");
    }
    this.tokenizer = tokenizer;
    this.most = most;
    this.tooLong = tooLong;
    this.learnPrompts = learnPrompts;
  }

  /** Samples that were cut so far. */
  public int truncated() {
    return truncated;
  }

  /** Samples that were dropped so far. */
  public int dropped() {
    return dropped;
  }

  /**
   * The sample of an example, or nothing where it is too long.
   *
   * @throws DataException where the template refuses the conversation, or there is none
   */
  public Optional<Sample> encode(Example example) {
    Sample sample = example.plainText() ? text(example) : conversation(example);
    if (sample.length() <= most) {
      return Optional.of(sample);
    }
    if (tooLong == TooLong.TRUNCATE && sample.learntBefore(most)) {
      truncated++;
      return Optional.of(sample.first(most));
    }
    dropped++;
    return Optional.empty();
  }

  private Sample text(Example example) {
    int[] tokens = tokenizer.encode(example.messages().get(0).content(), true, false);
    if (tokens.length < 2) {
      throw new DataException(example.origin() + ": the text has " + tokens.length + " tokens");
    }
    boolean[] written = new boolean[tokens.length];
    Arrays.fill(written, true);
    return new Sample(tokens, written, true);
  }

  private Sample conversation(Example example) {
    List<ChatMessage> messages = example.messages();
    try {
      int[] tokens = tokenizer.encodeChat(messages, false, DATE);
      boolean[] written = new boolean[tokens.length];
      for (int i = 0; i < messages.size(); i++) {
        if (messages.get(i).role().equals("assistant")) {
          markAnswer(messages, tokens, written, i);
        }
      }
      return new Sample(tokens, written, learnPrompts);
    } catch (TemplateException | IllegalStateException | IllegalArgumentException e) {
      throw new DataException(example.origin() + ": " + e.getMessage());
    }
  }

  /** The answer stands between the prompt that asks for it and the end of its turn. */
  private void markAnswer(List<ChatMessage> messages, int[] tokens, boolean[] written, int index) {
    int[] before = tokenizer.encodeChat(messages.subList(0, index), true, DATE);
    int[] after = tokenizer.encodeChat(messages.subList(0, index + 1), false, DATE);
    int from = common(tokens, before);
    int to = common(tokens, after);
    // Some templates write an earlier answer otherwise than the last one (without its reasoning):
    // then this is not what the model wrote, and is not learnt. Where an answer begins with white
    // space, the prompt's last token may have merged with it.
    if (from < before.length - 1 || to < after.length - 1) {
      return;
    }
    for (int i = from; i < to; i++) {
      written[i] = true;
      if (tokenizer.endTokens().contains(tokens[i])) {
        return; // a template may write more, such as a new line, which no model has to
      }
    }
  }

  private static int common(int[] a, int[] b) {
    int mismatch = Arrays.mismatch(a, b);
    return mismatch < 0 ? a.length : mismatch;
  }
}
