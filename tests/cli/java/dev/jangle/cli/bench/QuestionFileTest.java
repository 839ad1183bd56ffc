package dev.jangle.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.cli.term.Failure;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuestionFileTest {
  private static final String GOOD =
      "{\"question_id\": 7, \"category\": \"qa\", \"turns\": [\"Why?\", \"And then?\"]}";

  @TempDir Path folder;

  private Path file(byte[] content) throws IOException {
    return Files.write(folder.resolve("questions.jsonl"), content);
  }

  private List<Question> read(String content) throws IOException {
    return QuestionFile.read(file(content.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void aLineIsAQuestion() throws IOException {
    assertEquals(
        List.of(new Question("7", "qa", List.of("Why?", "And then?"))), read("\n" + GOOD + "\n\n"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"question_id\": 1, | not JSON",
        "[] | turns is missing",
        "{\"question_id\": 1, \"category\": \"qa\"} | turns is missing",
        "{\"question_id\": 1, \"category\": \"qa\", \"turns\": [3]} | other than texts",
        "{\"question_id\": 1, \"category\": \"qa\", \"turns\": [\" \"]} | other than texts",
        "{\"category\": \"qa\", \"turns\": [\"x\"]} | question_id is missing",
        "{\"question_id\": 1, \"turns\": [\"x\"]} | category is missing",
      })
  void aBadLineIsNamed(String line, String reason) {
    Failure failure = assertThrows(Failure.class, () -> read(GOOD + "\n" + line));
    assertTrue(failure.getMessage().contains("questions.jsonl, line 2: "), failure::getMessage);
    assertTrue(failure.getMessage().contains(reason), failure::getMessage);
  }

  @Test
  void aFileWithoutQuestionsOrInAnotherEncodingIsNamed() throws IOException {
    Failure empty = assertThrows(Failure.class, () -> read("\n \n"));
    assertTrue(empty.getMessage().contains("questions.jsonl has no questions"), empty::getMessage);
    Path latin = file(GOOD.replace("Why", "Où").getBytes(StandardCharsets.ISO_8859_1));
    Failure encoding = assertThrows(Failure.class, () -> QuestionFile.read(latin));
    assertTrue(
        encoding.getMessage().contains("questions.jsonl is not UTF-8"), encoding::getMessage);
  }

  @Test
  void aChoiceIsSpreadOverTheTasks() throws IOException {
    List<Question> all =
        IntStream.range(0, 20)
            .mapToObj(i -> new Question("" + i, i < 10 ? "qa" : "rag", List.of("x")))
            .toList();
    assertEquals(
        List.of("0", "5", "10", "15"),
        QuestionFile.spreadPerTask(all, 2).stream().map(Question::id).toList());
    assertEquals(all, QuestionFile.spreadPerTask(all, 10));
    assertEquals(all, QuestionFile.spread(all, 99));
    assertEquals(4, QuestionFile.spread(all, 4).size());
    assertTrue(QuestionFile.builtIn().size() >= 12);
  }
}
