import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.FormatterException;
import com.google.googlejavaformat.java.ImportOrderer;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import com.google.googlejavaformat.java.RemoveUnusedImports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Checks that every Java file is as google-java-format writes it; {@code --fix} as the first
 * argument writes them so. Run by {@code mvn verify}; by hand: {@code mvn verify -N
 * -Dformat=--fix}.
 */
public final class CheckFormat {
  private CheckFormat() {}

  /**
   * @param args {@code --fix} or {@code --check}, then folders
   */
  public static void main(String[] args) throws IOException, FormatterException {
    boolean fix = args[0].equals("--fix");
    Formatter formatter = new Formatter();
    List<Path> wrong = new ArrayList<>();
    for (int i = 1; i < args.length; i++) {
      for (Path file : javaFiles(Path.of(args[i]))) {
        String source = Files.readString(file);
        String ordered = ImportOrderer.reorderImports(source, JavaFormatterOptions.Style.GOOGLE);
        String wanted = formatter.formatSource(RemoveUnusedImports.removeUnusedImports(ordered));
        if (!wanted.equals(source)) {
          wrong.add(file);
          if (fix) {
            Files.writeString(file, wanted);
          }
        }
      }
    }
    for (Path file : wrong) {
      System.err.println((fix ? "formatted " : "not formatted: ") + file);
    }
    if (!fix && !wrong.isEmpty()) {
      System.err.println("Run: mvn verify -N -Dformat=--fix");
      System.exit(1);
    }
  }

  private static List<Path> javaFiles(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new IOException(folder + " is not a folder");
    }
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .filter(file -> !file.toString().contains("/target/"))
          .sorted()
          .toList();
    }
  }
}
