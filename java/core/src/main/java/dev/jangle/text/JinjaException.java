package dev.jangle.text;

/** A template failed while rendering; {@link JinjaRenderer} adds the line. */
final class JinjaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  JinjaException(String problem) {
    super(problem);
  }
}
