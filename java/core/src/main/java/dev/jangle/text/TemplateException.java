package dev.jangle.text;

/**
 * A chat template cannot be used: it does not parse, it uses something that Jangle does not
 * support, it failed, or it refused the conversation itself ({@code raise_exception}). The message
 * names the line of the template.
 */
public final class TemplateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A problem in a line of the template, counted from 1. */
  public TemplateException(int line, String problem) {
    super("chat template, line " + line + ": " + problem);
  }
}
