package dev.jangle.text;

/**
 * A piece of a template.
 *
 * @param text the literal text, the string's value, or the name, number or operator as written
 * @param line line of the template, counted from 1
 */
record JinjaToken(Kind kind, String text, int line) {
  /** {@code TEXT} lies outside of tags, {@code OPEN} and {@code CLOSE} are tag delimiters. */
  enum Kind {
    TEXT,
    VARIABLE_OPEN,
    VARIABLE_CLOSE,
    BLOCK_OPEN,
    BLOCK_CLOSE,
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean is(Kind expected, String expectedText) {
    return kind == expected && text.equals(expectedText);
  }

  boolean isOperator(String operator) {
    return is(Kind.OPERATOR, operator);
  }

  boolean isName(String name) {
    return is(Kind.NAME, name);
  }

  /** For messages. */
  String describe() {
    return switch (kind) {
      case END -> "the end of the template";
      case TEXT -> "text";
      case VARIABLE_CLOSE -> "'}}'";
      case BLOCK_CLOSE -> "'%}'";
      case VARIABLE_OPEN -> "'{{'";
      case BLOCK_OPEN -> "'{%'";
      case STRING -> "the string '" + text + "'";
      default -> "'" + text + "'";
    };
  }
}
