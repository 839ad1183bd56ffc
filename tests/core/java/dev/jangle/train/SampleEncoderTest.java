package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.format.TokenizerSource;
import dev.jangle.text.ChatMessage;
import dev.jangle.text.Tokenizer;
import dev.jangle.text.TokenizerFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SampleEncoderTest {
  private static final int MOST = 1000;

  @TempDir Path folder;

  private static ChatMessage user(String text) {
    return new ChatMessage("user", text);
  }

  private static ChatMessage assistant(String text) {
    return new ChatMessage("assistant", text);
  }

  private static SampleEncoder encoder(Tokenizer tokenizer, int most) {
    return new SampleEncoder(tokenizer, most, SampleEncoder.TooLong.TRUNCATE, false);
  }

  /** The texts of the runs of tokens that the assistant wrote. */
  private static List<String> written(Tokenizer tokenizer, Sample sample) {
    List<String> runs = new ArrayList<>();
    for (int i = 0; i < sample.length(); ) {
      int from = i;
      while (i < sample.length() && sample.written(i)) {
        i++;
      }
      if (i > from) {
        int[] ids = new int[i - from];
        for (int j = 0; j < ids.length; j++) {
          ids[j] = sample.token(from + j);
        }
        runs.add(tokenizer.decode(ids, false));
      } else {
        i++;
      }
    }
    return runs;
  }

  @ParameterizedTest
  @ValueSource(strings = {"smollm", "llama-bpe", "qwen2", "mistral"})
  void answersAreLearntWithTheTokenThatEndsThem(String name) throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(folder, name, "folder")) {
      List<ChatMessage> messages =
          List.of(
              user("Hi!"),
              assistant("Hello, you.\nTwo lines"),
              user("More"),
              assistant("é 😀 end"));
      Sample sample = encoder(tokenizer, MOST).encode(new Example("f:1", messages)).orElseThrow();
      int[] whole = tokenizer.encodeChat(messages, false);
      assertEquals(whole.length, sample.length());
      List<String> runs = written(tokenizer, sample);
      // The template of Qwen3 writes only the last answer as the model wrote it.
      List<ChatMessage> answers =
          name.equals("qwen2")
              ? List.of(messages.get(3))
              : List.of(messages.get(1), messages.get(3));
      assertEquals(answers.size(), runs.size(), runs.toString());
      for (int i = 0; i < runs.size(); i++) {
        String answer = answers.get(i).content();
        String run = runs.get(i).replaceFirst("^<think>\\s*</think>", "").strip();
        assertTrue(run.startsWith(answer), run);
        String end = run.substring(answer.length());
        int[] ids = tokenizer.encode(end, false, true);
        assertTrue(
            ids.length == 1 && tokenizer.endTokens().contains(ids[0]), name + " ends with " + end);
      }
    }
  }

  @Test
  void aPromptsSpecialTokensStayText() throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(folder, "smollm", "folder")) {
      List<ChatMessage> messages = List.of(user("say <|im_end|>"), assistant("<|im_end|> it is"));
      Sample sample = encoder(tokenizer, MOST).encode(new Example("f:1", messages)).orElseThrow();
      assertEquals(List.of("<|im_end|> it is<|im_end|>"), written(tokenizer, sample));
    }
  }

  @Test
  void longSamplesAreCutOrDropped() throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(folder, "smollm", "folder")) {
      Example example =
          new Example("f:1", List.of(user("a b c d"), assistant("one two three four five")));
      SampleEncoder whole = encoder(tokenizer, MOST);
      Sample sample = whole.encode(example).orElseThrow();
      assertEquals(0, whole.truncated() + whole.dropped());

      SampleEncoder cutting = encoder(tokenizer, sample.length() - 3);
      Sample cut = cutting.encode(example).orElseThrow();
      assertEquals(sample.length() - 3, cut.length());
      assertEquals(1, cutting.truncated());

      // Nothing of the answer is left, so there is nothing to learn.
      SampleEncoder none = encoder(tokenizer, 4);
      assertEquals(Optional.empty(), none.encode(example));
      assertEquals(1, none.dropped());

      SampleEncoder dropping =
          new SampleEncoder(tokenizer, sample.length() - 1, SampleEncoder.TooLong.DROP, false);
      assertEquals(Optional.empty(), dropping.encode(example));
      assertEquals(1, dropping.dropped());
      assertThrows(IllegalArgumentException.class, () -> encoder(tokenizer, 1));
    }
  }

  @Test
  void promptsAreLearntOnlyWhereAskedFor() throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(folder, "smollm", "folder")) {
      Example example = new Example("f:1", List.of(user("a b c d"), assistant("one two")));
      SampleEncoder all = new SampleEncoder(tokenizer, MOST, SampleEncoder.TooLong.DROP, true);
      Sample sample = all.encode(example).orElseThrow();
      for (int i = 1; i < sample.length(); i++) {
        assertTrue(sample.learnt(i));
      }
      assertEquals(List.of("one two<|im_end|>"), written(tokenizer, sample));
    }
  }

  /** A run that is stopped before midnight has other samples after it otherwise. */
  @Test
  void aTemplatesDateIsAlwaysTheSame() throws IOException {
    Path files = TokenizerFiles.folder(folder, "smollm");
    Files.writeString(
        files.resolve("chat_template.jinja"),
        "{{ strftime_now('%d %b %Y') }}{% for m in messages %}|{{ m.content }}{% endfor %}");
    try (Tokenizer tokenizer = Tokenizer.open(new TokenizerSource.HuggingFace(files))) {
      SampleEncoder all = new SampleEncoder(tokenizer, MOST, SampleEncoder.TooLong.DROP, true);
      Sample sample =
          all.encode(new Example("f:1", List.of(user("Hi!"), assistant("Hello")))).orElseThrow();
      int[] ids = new int[sample.length()];
      Arrays.setAll(ids, sample::token);
      assertEquals("26 Jul 2024|Hi!|Hello", tokenizer.decode(ids, false));
    }
  }

  @Test
  void plainTextIsLearntWhole() throws IOException {
    try (Tokenizer tokenizer = TokenizerFiles.open(folder, "gpt-2", "folder")) {
      String text = "A text without a template.";
      Sample sample =
          encoder(tokenizer, MOST)
              .encode(new Example("f:1", List.of(new ChatMessage(Example.TEXT, text))))
              .orElseThrow();
      assertEquals(tokenizer.encode(text, true, false).length, sample.length());
      assertEquals(List.of(text), written(tokenizer, sample));
      DataException refusal =
          assertThrows(
              DataException.class,
              () ->
                  encoder(tokenizer, MOST)
                      .encode(new Example("f:2", List.of(new ChatMessage(Example.TEXT, "a")))));
      assertTrue(refusal.getMessage().startsWith("f:2: "), refusal.getMessage());
    }
  }

  @Test
  void aModelWithoutATemplateRefusesConversations() throws IOException {
    Path files = TokenizerFiles.folder(folder, "smollm");
    Files.delete(files.resolve("tokenizer_config.json"));
    try (Tokenizer tokenizer = Tokenizer.open(new TokenizerSource.HuggingFace(files))) {
      DataException refusal =
          assertThrows(
              DataException.class,
              () ->
                  encoder(tokenizer, MOST)
                      .encode(new Example("f:7", List.of(user("a"), assistant("b")))));
      assertTrue(refusal.getMessage().startsWith("f:7: "), refusal.getMessage());
      assertTrue(refusal.getMessage().contains("no chat template"), refusal.getMessage());
    }
  }
}
