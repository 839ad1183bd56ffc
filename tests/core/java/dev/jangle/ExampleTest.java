package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** The example of the README and of the package's Javadoc: it compiles, it runs, it is the same. */
@Isolated("changes what the process shares")
class ExampleTest {
  @TempDir Path folder;

  static final class Example {
    // @start region="ask"
    public static void main(String[] args) throws IOException {
      try (Model model = Model.open(Path.of(args[0]))) {
        GenerationResult result =
            model.generate("Why is the sky blue?", GenerationOptions.defaults());
        System.out.println(result.text());
      }
    }
    // @end
  }

  @Test
  void itPrintsTheAnswer() throws IOException {
    Path file = TinyFolder.chat(folder);
    String expected;
    try (Model model = Model.open(file)) {
      GenerationOptions plain = GenerationOptions.defaults().withDecoding(Decoding.PLAIN);
      expected = model.generate("Why is the sky blue?", plain).text();
    }
    assertFalse(expected.isEmpty());
    assertEquals(expected + System.lineSeparator(), printed(file));
  }

  private static String printed(Path file) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream before = System.out;
    try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      System.setOut(out);
      Example.main(new String[] {file.toString()});
    } finally {
      System.setOut(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void theReadmeShowsIt() throws IOException {
    String code = between(text("README.md"), "\n## Link it\n\n", "\n\n");
    assertEquals(example(), code.stripIndent());
  }

  @Test
  void thePackagesJavadocShowsIt() throws IOException {
    String source = text("java/core/src/main/java/dev/jangle/package-info.java");
    String snippet = between(source, " * {@snippet lang=\"java\" :\n", "\n * }\n *\n");
    assertEquals(example(), snippet.replaceAll("(?m)^ \\* ", ""));
  }

  /** The region of this file. */
  private static String example() throws IOException {
    String source = text("tests/core/java/dev/jangle/ExampleTest.java");
    return between(source, "    // @start region=\"ask\"\n", "\n    // @end\n").stripIndent();
  }

  private static String between(String text, String before, String after) {
    int start = text.indexOf(before) + before.length();
    return text.substring(start, text.indexOf(after, start));
  }

  private static String text(String file) throws IOException {
    return Files.readString(Path.of(System.getProperty("jangle.root"), file));
  }
}
