package dev.jangle.cli.term;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.cli.term.Columns.Piece;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ColumnsTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Columns columns =
      new Columns(
          new Terminal(
              Map.of(),
              new ByteArrayInputStream(new byte[0]),
              out,
              new PrintStream(out, true, StandardCharsets.UTF_8),
              false,
              false,
              false));

  private static Piece piece(String text) {
    return new Piece(text, text);
  }

  @Test
  void breaksBetweenPiecesWhereALineIsFull() {
    // 80 columns: two of 38.
    List<Piece> pieces = List.of(piece("a".repeat(30)), piece("b".repeat(8)), piece("c"));
    assertEquals(
        List.of("a".repeat(30) + "b".repeat(8), "c"),
        columns.wrap(pieces).stream().map(Columns.Line::painted).toList());
  }

  @Test
  void lineFeedsBegin() {
    assertEquals(3, columns.wrap(List.of(piece("a\n\n"), piece("b"))).size());
  }

  @Test
  void escapeCodesTakeNoRoom() {
    List<Columns.Line> lines = columns.wrap(List.of(new Piece("ab", "\u001b[32mab\u001b[0m")));
    assertEquals(2, lines.getFirst().width());
  }

  @Test
  void theSecondDrawingGoesBackUpOverTheFirst() {
    columns.draw(List.of(piece("a\n"), piece("b")), List.of());
    columns.draw(List.of(piece("a\n"), piece("b")), List.of(piece("c")));
    assertTrue(out.toString(StandardCharsets.UTF_8).contains("\u001b[2A"));
  }
}
