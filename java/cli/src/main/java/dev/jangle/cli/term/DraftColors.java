package dev.jangle.cli.term;

import dev.jangle.DraftKind;

/** Shows who guessed each token: by colour, or by brackets where there are no colours. */
public final class DraftColors {
  private static final String RESET = "\033[0m";

  private final boolean colors;

  public DraftColors(boolean colors) {
    this.colors = colors;
  }

  /** The text of a token, marked with its source. */
  public String paint(String text, DraftKind source) {
    if (text.isEmpty() || source == DraftKind.NONE) {
      return text;
    }
    return colors ? color(source) + text + RESET : bracket(source, text);
  }

  private static String color(DraftKind source) {
    return switch (source) {
      case NONE -> "";
      case JACOBI -> "\033[32m"; // green
      case RETRIEVAL -> "\033[36m"; // cyan
      case RECYCLING -> "\033[33m"; // yellow
    };
  }

  private static String bracket(DraftKind source, String text) {
    return switch (source) {
      case NONE -> text;
      case JACOBI -> "(" + text + ")";
      case RETRIEVAL -> "[" + text + "]";
      case RECYCLING -> "{" + text + "}";
    };
  }

  /** One line that explains the marks. */
  public String legend() {
    return "tokens: the model's own choice, or a draft that it confirmed: "
        + paint("Jacobi", DraftKind.JACOBI)
        + ", "
        + paint("retrieval", DraftKind.RETRIEVAL)
        + ", "
        + paint("recycling", DraftKind.RECYCLING);
  }
}
