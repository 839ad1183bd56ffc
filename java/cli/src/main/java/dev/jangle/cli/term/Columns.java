package dev.jangle.cli.term;

import java.util.ArrayList;
import java.util.List;

/**
 * Two texts side by side on a terminal, drawn again in place as they grow. Each is a list of pieces
 * that may be painted, since escape codes take no room. One thread.
 */
public final class Columns {
  private static final String GAP = " | ";

  private final Terminal terminal;
  private final int width;
  private final int height;
  private int drawn;

  public Columns(Terminal terminal) {
    this.terminal = terminal;
    this.width = (terminal.size().columns() - GAP.length()) / 2;
    this.height = Math.max(4, terminal.size().rows() - 4);
  }

  /** A piece of text and how it is shown. */
  public record Piece(String text, String painted) {}

  /** Draws both; where they are longer than the terminal, their last lines. */
  public void draw(List<Piece> left, List<Piece> right) {
    List<Line> leftLines = wrap(left);
    List<Line> rightLines = wrap(right);
    int lines = Math.max(leftLines.size(), rightLines.size());
    StringBuilder screen = new StringBuilder();
    if (drawn > 0) {
      screen.append("\u001b[").append(drawn).append('A');
    }
    int first = Math.max(0, lines - height);
    for (int i = first; i < lines; i++) {
      Line a = i < leftLines.size() ? leftLines.get(i) : Line.EMPTY;
      Line b = i < rightLines.size() ? rightLines.get(i) : Line.EMPTY;
      screen.append("\r\u001b[K").append(a.painted);
      screen.append(" ".repeat(Math.max(0, width - a.width))).append(GAP);
      screen.append(b.painted).append('\n');
    }
    drawn = lines - first;
    terminal.print(screen.toString());
  }

  /** A line as shown, and the columns it takes. */
  record Line(String painted, int width) {
    static final Line EMPTY = new Line("", 0);
  }

  /** Breaks at line feeds and, between pieces, where a line is full. */
  List<Line> wrap(List<Piece> pieces) {
    List<Line> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    int used = 0;
    for (Piece piece : pieces) {
      String text = piece.text.replace("\n", "");
      int feeds = piece.text.length() - text.length();
      int wide = TextWidth.of(text);
      if (used > 0 && used + wide > width) {
        lines.add(new Line(line.toString(), used));
        line.setLength(0);
        used = 0;
      }
      if (wide <= width) {
        line.append(piece.painted.replace("\n", ""));
        used += wide;
      }
      for (int i = 0; i < feeds; i++) {
        lines.add(new Line(line.toString(), used));
        line.setLength(0);
        used = 0;
      }
    }
    lines.add(new Line(line.toString(), used));
    return lines;
  }
}
