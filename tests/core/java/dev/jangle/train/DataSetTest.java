package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.text.ChatMessage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DataSetTest {
  @TempDir Path folder;

  private static final String GOOD =
      "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"},"
          + " {\"role\": \"assistant\", \"content\": \"hello\"}]}";

  private Path file(String... lines) throws IOException {
    return Files.write(folder.resolve("data.jsonl"), List.of(lines));
  }

  private List<ChatMessage> one(String line) throws IOException {
    DataSet data = DataSet.read(List.of(file(line)), 0);
    assertEquals(1, data.examples().size());
    return data.examples().get(0).messages();
  }

  @Test
  void formsAreToldApartByTheirKeys() throws IOException {
    List<ChatMessage> expected =
        List.of(new ChatMessage("user", "hi"), new ChatMessage("assistant", "hello"));
    assertEquals(expected, one(GOOD));
    assertEquals(
        expected,
        one(
            "{\"id\": 3, \"conversations\": [{\"from\": \"human\", \"value\": \"hi\"},"
                + " {\"from\": \"gpt\", \"value\": \"hello\"}]}"));
    assertEquals(
        expected, one("{\"instruction\": \"hi\", \"input\": \"\", \"output\": \"hello\"}"));
    assertEquals(
        "hi\n\nyou",
        one("{\"instruction\": \"hi\", \"input\": \"you\", \"output\": \"hello\"}")
            .get(0)
            .content());
    DataSet text = DataSet.read(List.of(file("{\"text\": \"all of it\"}")), 0);
    assertTrue(text.examples().get(0).plainText());
    assertEquals("all of it", text.examples().get(0).messages().get(0).content());
  }

  @Test
  void aQuestionAtTheEndIsLeftOut() throws IOException {
    String line = GOOD.replace("]}", ", {\"role\": \"user\", \"content\": \"more\"}]}");
    assertEquals(2, one(line).size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"messages\": | is not JSON",
        "[1] | is not a JSON object",
        "{\"prompt\": \"x\"} | none of the keys",
        "{\"messages\": 5} | messages is not a list",
        "{\"messages\": []} | has no answer",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]} | has no answer",
        "{\"messages\": [{\"role\": \"assistant\", \"content\": 5}]}"
            + " | messages[0].content is not a text",
        "{\"messages\": [{\"role\": \"assistant\"}]} | messages[0].content is missing",
        "{\"messages\": [{\"role\": \"assistant\", \"content\": \" \"}]} | the answer is empty",
        "{\"instruction\": \"x\", \"output\": \"\"} | output is empty",
        "{\"instruction\": \"x\"} | output is missing",
        "{\"text\": \"\"} | text is empty",
      })
  void aBadLineIsNamed(String line, String reason) throws IOException {
    DataSet data = DataSet.read(List.of(file(GOOD, "", line)), 1);
    assertEquals(1, data.examples().size());
    assertEquals(1, data.bad().size());
    String bad = data.bad().get(0);
    assertTrue(bad.contains("data.jsonl:3: ") && bad.contains(reason), bad);
  }

  @Test
  void tooManyBadLinesEndTheRun() throws IOException {
    String[] lines = new String[200];
    java.util.Arrays.fill(lines, GOOD);
    lines[3] = "x";
    lines[77] = "y";
    Path file = file(lines);
    assertEquals(2, DataSet.read(List.of(file), DataSet.MOST_BAD).bad().size());
    lines[99] = "z";
    file(lines);
    DataException refusal =
        assertThrows(DataException.class, () -> DataSet.read(List.of(file), DataSet.MOST_BAD));
    assertTrue(refusal.getMessage().contains("3 of 200"), refusal.getMessage());
    assertTrue(refusal.getMessage().contains("data.jsonl:4: is not JSON"), refusal.getMessage());
    assertEquals(197, DataSet.read(List.of(file), 0.02).examples().size());
  }

  @Test
  void filesWithoutExamplesAreRefused() throws IOException {
    Path empty = Files.writeString(folder.resolve("empty.jsonl"), "\n\n");
    assertThrows(DataException.class, () -> DataSet.read(List.of(empty), 1));
    Path bad = Files.writeString(folder.resolve("bad.jsonl"), "x\n");
    assertThrows(DataException.class, () -> DataSet.read(List.of(bad), 1));
    assertThrows(IllegalArgumentException.class, () -> DataSet.read(List.of(empty), Double.NaN));
    Path latin = folder.resolve("latin.jsonl");
    Files.write(latin, "{\"text\": \"é\"}".getBytes(StandardCharsets.ISO_8859_1));
    IOException refusal = assertThrows(IOException.class, () -> DataSet.read(List.of(latin), 1));
    assertTrue(refusal.getMessage().contains("UTF-8"), refusal.getMessage());
    assertFalse(Files.exists(folder.resolve("absent")));
    assertThrows(IOException.class, () -> DataSet.read(List.of(folder.resolve("absent")), 1));
  }
}
