package dev.jangle.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;

/** Writes a chart as .svg or .png, without a screen. */
public final class ChartFile {
  private ChartFile() {}

  /** What draws a chart. */
  @FunctionalInterface
  public interface Drawing {
    /**
     * Writes the picture.
     *
     * @param format svg or png
     */
    void save(OutputStream out, String format) throws IOException;
  }

  /** Whether a file's name says which kind of picture it is: .svg or .png. */
  public static boolean canWrite(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return name.endsWith(".svg") || name.endsWith(".png");
  }

  /**
   * Writes a picture, in place of one of the same name.
   *
   * @throws IOException where the file cannot be written, or no font is installed
   */
  public static void write(Path file, Drawing drawing) throws IOException {
    System.setProperty("java.awt.headless", "true");
    boolean svg = file.toString().toLowerCase(Locale.ROOT).endsWith(".svg");
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try (var out = Files.newOutputStream(part)) {
      drawing.save(out, svg ? "svg" : "png");
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (InternalError | LinkageError | RuntimeException e) {
      throw new IOException(
          file + ": the chart cannot be drawn; it needs libfontconfig and a font: " + e, e);
    } finally {
      Files.deleteIfExists(part);
    }
  }
}
