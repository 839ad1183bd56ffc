package dev.jangle.text;

import dev.jangle.text.JinjaToken.Kind;
import java.util.List;

/** A cursor over a template's tokens. */
final class JinjaTokens {
  private final List<JinjaToken> tokens;
  private int next;

  JinjaTokens(List<JinjaToken> tokens) {
    this.tokens = tokens;
  }

  JinjaToken peek() {
    return tokens.get(next);
  }

  /** The token after {@link #peek}. */
  JinjaToken peekSecond() {
    return tokens.get(Math.min(next + 1, tokens.size() - 1));
  }

  JinjaToken take() {
    JinjaToken token = tokens.get(next);
    next = Math.min(next + 1, tokens.size() - 1);
    return token;
  }

  boolean takeOperator(String operator) {
    boolean found = peek().isOperator(operator);
    if (found) {
      take();
    }
    return found;
  }

  boolean takeName(String name) {
    boolean found = peek().isName(name);
    if (found) {
      take();
    }
    return found;
  }

  void expectOperator(String operator) {
    if (!takeOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  String expectName() {
    return expect(Kind.NAME, "a name").text();
  }

  JinjaToken expect(Kind kind, String expected) {
    if (peek().kind() != kind) {
      throw unexpected(expected);
    }
    return take();
  }

  TemplateException unexpected(String expected) {
    return new TemplateException(
        peek().line(), "found " + peek().describe() + ", expected " + expected);
  }
}
