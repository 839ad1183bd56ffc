package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.Decoding;
import dev.jangle.GenerationOptions;
import dev.jangle.GenerationResult;
import dev.jangle.Model;
import dev.jangle.ModelOptions;
import dev.jangle.Session;
import dev.jangle.StopReason;
import dev.jangle.TinyFolder;
import dev.jangle.format.Checkpoint;
import dev.jangle.text.ChatMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A tiny random model answers; some of its answers end, because its end token has the row of a
 * token that it likes to write.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DistillationTest {
  private static final int LIMIT = 30;
  private static final int IM_END = 2;
  private static final DistillOptions OPTIONS =
      DistillOptions.defaults().withMaxTokens(LIMIT).withMostRepetition(1).withAtOnce(3);

  private static final String DATA =
      String.join(
              "\n",
              "{'messages': [{'role': 'user', 'content': 'hello'},",
              " {'role': 'assistant', 'content': 'x'}]}",
              "{'instruction': 'the rain in the land', 'output': 'x'}",
              "{'text': 'a plain text is passed over'}",
              "{'messages': [{'role': 'system', 'content': 'brief'},",
              " {'role': 'user', 'content': 'is it'}, {'role': 'assistant', 'content': 'x'},",
              " {'role': 'user', 'content': 'and then'}, {'role': 'assistant', 'content': 'x'},",
              " {'role': 'user', 'content': 'on and on'}, {'role': 'assistant', 'content': 'x'}]}",
              "{'instruction': 'w x y z', 'output': 'x'}",
              "{'instruction': 'of all the things that are in it', 'output': 'x'}",
              "{'instruction': '" + "long ".repeat(120) + "', 'output': 'x'}",
              "{'instruction': 'or else', 'output': 'x'}\n")
          .replace(",\n ", ", ")
          .replace('\'', '"');

  @TempDir private static Path folder;
  private Path data;
  private Path out;
  private Path modelFolder;
  private Model model;
  private int run;

  @BeforeAll
  void open() throws IOException {
    data = Files.writeString(folder.resolve("data.jsonl"), DATA);
    int liked = likedToken();
    modelFolder =
        TinyFolder.write(
            folder.resolve("model"),
            true,
            (name, bytes) -> {
              if (name.equals("lm_head.weight")) {
                int row = bytes.capacity() / 288;
                bytes.put(IM_END * row, bytes, liked * row, row);
              }
            });
    model = open(modelFolder);
  }

  private static Model open(Path path) throws IOException {
    return Model.open(path, ModelOptions.defaults().withThreads(2).withContextLength(400));
  }

  /** A token that some answers have, and others do not. */
  private int likedToken() throws IOException {
    try (Model plain = open(TinyFolder.chat(folder.resolve("plain")))) {
      GenerationOptions options =
          GenerationOptions.defaults().withMaxTokens(LIMIT).withDecoding(Decoding.PLAIN);
      List<List<Integer>> answers = new ArrayList<>();
      for (String question : List.of("hello", "the rain in the land", "w x y z", "or else")) {
        answers.add(plain.generate(question, options).tokens());
      }
      for (int token : answers.getFirst().subList(5, answers.getFirst().size())) {
        long have = answers.stream().filter(answer -> answer.contains(token)).count();
        if (have < answers.size() && !answers.stream().anyMatch(a -> a.getFirst() == token)) {
          return token;
        }
      }
      throw new IllegalStateException("all answers are alike: " + answers);
    }
  }

  @AfterAll
  void close() {
    model.close();
  }

  @BeforeEach
  void freshOutput() {
    out = folder.resolve("out-" + run++ + ".jsonl");
  }

  private Path journal() {
    return out.resolveSibling(out.getFileName() + ".journal");
  }

  private DistillProgress distill(DistillOptions options, Consumer<DistillProgress> listener)
      throws IOException {
    try (Checkpoint weights = Checkpoint.open(modelFolder)) {
      return Distillation.run(model, weights, List.of(data), out, options, listener);
    }
  }

  private DistillProgress distill(DistillOptions options) throws IOException {
    return distill(options, progress -> {});
  }

  private static List<List<ChatMessage>> conversations(Path file) throws IOException {
    List<List<ChatMessage>> all = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      List<ChatMessage> messages = new ArrayList<>();
      for (JsonNode message : new ObjectMapper().readTree(line).get("messages")) {
        messages.add(
            new ChatMessage(message.get("role").asText(), message.get("content").asText()));
      }
      all.add(messages);
    }
    return all;
  }

  /**
   * What sessions alone, one turn after the other, make of the data; bit for bit plain decoding.
   */
  private List<List<ChatMessage>> expected(DistillOptions options) throws IOException {
    List<List<ChatMessage>> all = new ArrayList<>();
    for (Example example : DataSet.read(List.of(data), 0).examples()) {
      if (example.plainText() || example.messages().getFirst().content().startsWith("long")) {
        continue;
      }
      GenerationOptions generation =
          GenerationOptions.defaults().withMaxTokens(LIMIT).withDecoding(Decoding.PLAIN);
      boolean system = example.messages().getFirst().role().equals("system");
      List<ChatMessage> messages = new ArrayList<>();
      if (system) {
        generation = generation.withSystem(example.messages().getFirst().content());
        messages.add(example.messages().getFirst());
      }
      int answered = 0;
      try (Session session = model.openSession()) {
        for (int i = system ? 1 : 0; i < example.messages().size(); i += 2) {
          GenerationResult answer = session.send(example.messages().get(i).content(), generation);
          if (answer.text().isBlank()
              || (answer.stopReason() != StopReason.END_TOKEN
                  && options.unfinished() == DistillOptions.Unfinished.DROP)) {
            break;
          }
          boolean ended = answer.stopReason() == StopReason.END_TOKEN;
          String text = ended ? answer.text() : DistillVerdict.whole(answer.text());
          if (text.isBlank()) {
            break;
          }
          messages.add(example.messages().get(i));
          messages.add(new ChatMessage("assistant", text));
          answered++;
          if (!ended) {
            break;
          }
        }
      }
      if (answered > 0) {
        all.add(messages);
      }
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void answersAreThoseOfTheModelAlone(int atOnce) throws IOException {
    DistillProgress end = distill(OPTIONS.withAtOnce(atOnce));
    List<List<ChatMessage>> expected = expected(OPTIONS);
    assertEquals(expected, conversations(out));
    int written = end.count(DistillOutcome.KEPT) + end.count(DistillOutcome.CUT);
    assertEquals(expected.size(), written);
    assertEquals(8, end.done());
    assertEquals(8, end.total());
    assertEquals(8, end.outcomes().values().stream().mapToInt(Integer::intValue).sum());
    assertEquals(1, end.count(DistillOutcome.PLAIN_TEXT));
    assertEquals(1, end.count(DistillOutcome.TOO_LONG));
    assertTrue(written > 0 && end.count(DistillOutcome.LIMIT) > 0, end::toString);
    assertEquals(DataSet.read(List.of(out), 0).examples().size(), written, "it can be trained on");
    assertTrue(expected.stream().anyMatch(its -> its.size() > 3), "a second turn: " + expected);
  }

  @Test
  void unfinishedAnswersMayBeCut() throws IOException {
    DistillOptions cut = OPTIONS.withUnfinished(DistillOptions.Unfinished.CUT);
    DistillProgress end = distill(cut);
    assertEquals(expected(cut), conversations(out));
    assertEquals(8, end.done());
  }

  @Test
  void anAnswerToNothingIsRefusedAndTheNextOneWritten() throws IOException {
    Path usual = data;
    String from = "{'from': '%s', 'value': 'hello'}";
    String begun =
        "{'conversations': [%s, %s, %s]}\n"
            .formatted(from.formatted("gpt"), from.formatted("human"), from.formatted("gpt"))
            .replace('\'', '"');
    try {
      data =
          Files.writeString(folder.resolve("begun.jsonl"), begun + DATA.lines().findFirst().get());
      DistillProgress end = distill(OPTIONS.withUnfinished(DistillOptions.Unfinished.CUT));
      assertEquals(1, end.count(DistillOutcome.REFUSED), end::toString);
      assertEquals(1, conversations(out).size());
    } finally {
      data = usual;
    }
  }

  @Test
  void loopsAreLeftOut() throws IOException {
    // Whatever repeats a 3-gram at all.
    DistillProgress end = distill(OPTIONS.withMaxTokens(200).withMostRepetition(0));
    assertTrue(end.count(DistillOutcome.LOOP) > 0, end::toString);
    assertEquals(0, end.count(DistillOutcome.LIMIT), "a random model loops before the limit");
  }

  /** Killed after each example in turn, at once and with what a death between writes leaves. */
  @Test
  void goesOnWhereItWasKilled() throws IOException {
    distill(OPTIONS);
    byte[] whole = Files.readAllBytes(out);
    byte[] wholeJournal = Files.readAllBytes(journal());
    for (int killedAt = 0; killedAt < 8; killedAt++) {
      freshOutput();
      int at = killedAt;
      assertThrows(
          InterruptedRun.class,
          () ->
              distill(
                  OPTIONS,
                  progress -> {
                    if (progress.done() == at) {
                      throw new InterruptedRun();
                    }
                  }));
      if (killedAt % 2 == 1) {
        String torn = "x".repeat(5000); // more than what follows would write over
        Files.writeString(out, "{\"messages\": []}\n{\"messages" + torn, StandardOpenOption.APPEND);
        Files.writeString(journal(), "{\"example\": 3, " + torn, StandardOpenOption.APPEND);
      }
      List<Integer> seen = new ArrayList<>();
      DistillProgress end =
          distill(OPTIONS.withAtOnce(1 + killedAt % 3), progress -> seen.add(progress.done()));
      assertEquals(at, end.before());
      assertEquals(at, seen.getFirst(), "nothing is done twice");
      assertArrayEquals(whole, Files.readAllBytes(out));
      assertArrayEquals(wholeJournal, Files.readAllBytes(journal()));
    }
    DistillProgress again = distill(OPTIONS);
    assertEquals(8, again.before());
    assertEquals(0, again.tokens());
    assertArrayEquals(whole, Files.readAllBytes(out));
  }

  private static final class InterruptedRun extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private void refused(DistillOptions options, String... parts) {
    DataException e = assertThrows(DataException.class, () -> distill(options));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e::getMessage);
    }
  }

  @Test
  void anotherDistillationIsRefusedWithTheDifference() throws IOException {
    distill(OPTIONS);
    byte[] before = Files.readAllBytes(out);
    refused(OPTIONS.withMaxTokens(31), out.toString(), "max-tokens is 31 now, was 30");
    refused(
        OPTIONS.withUnfinished(DistillOptions.Unfinished.CUT), "unfinished is CUT now, was DROP");
    Path mine = data;
    try {
      data = Files.writeString(folder.resolve("other.jsonl"), DATA + DATA);
      refused(OPTIONS, "data file 1 is other.jsonl, sha256 ", "was data.jsonl, sha256 ");
    } finally {
      data = mine;
    }
    Path other =
        TinyFolder.write(folder.resolve("other"), true, (name, bytes) -> bytes.putFloat(0, 0.125f));
    refused(other, "model is sha256 ");
    change(other, "tokenizer_config.json", "<|im_start|>assistant", "<|im_start|>model");
    refused(other, "chat template is sha256 ");
    change(other, "tokenizer.json", "\"t h\", ", "");
    refused(other, "tokenizer is sha256 ");
    assertArrayEquals(before, Files.readAllBytes(out));
  }

  private void refused(Path path, String part) throws IOException {
    try (Model another = open(path);
        Checkpoint weights = Checkpoint.open(path)) {
      DataException e =
          assertThrows(
              DataException.class,
              () ->
                  Distillation.run(another, weights, List.of(data), out, OPTIONS, progress -> {}));
      assertTrue(e.getMessage().contains(part), e::getMessage);
    }
  }

  private static void change(Path model, String file, String from, String to) throws IOException {
    Path path = model.resolve(file);
    Files.writeString(path, Files.readString(path).replace(from, to));
  }

  @Test
  void filesOfOthersAreRefused() throws IOException {
    Files.writeString(out, "mine\n");
    refused(OPTIONS, out.toString(), "without a journal");
    assertEquals("mine\n", Files.readString(out));

    freshOutput();
    distill(OPTIONS);
    List<String> entries = Files.readAllLines(journal());
    Files.writeString(journal(), entries.get(0) + "\n" + entries.get(2) + "\n");
    refused(OPTIONS, "journal", "damaged", "example 0");
    Files.writeString(journal(), entries.get(0) + "\nnonsense\n");
    refused(OPTIONS, "not a journal");
    Files.write(journal(), entries);
    Files.writeString(out, "short");
    refused(OPTIONS, out.toString(), "5 bytes", "changed");
  }

  @Test
  void twoAtATimeAreRefused() throws IOException {
    assertThrows(
        InterruptedRun.class,
        () ->
            distill(
                OPTIONS,
                progress -> {
                  refused(OPTIONS, "another process");
                  throw new InterruptedRun();
                }));
    assertEquals(8, distill(OPTIONS).done(), "the lock is given back");
  }

  @Test
  void aModelWithoutATemplateIsRefused() throws IOException {
    Path gguf = TinyFolder.gguf("gguf_q8_0");
    try (Model raw = open(gguf);
        Checkpoint weights = Checkpoint.open(gguf)) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> Distillation.run(raw, weights, List.of(data), out, OPTIONS, progress -> {}));
      assertTrue(e.getMessage().contains("chat template"), e::getMessage);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 33, -1})
  void optionsAreChecked(int atOnce) {
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withAtOnce(atOnce));
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withMaxTokens(0));
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withMostRepetition(1.5));
    assertThrows(IllegalArgumentException.class, () -> OPTIONS.withMostRepetition(Double.NaN));
  }
}
