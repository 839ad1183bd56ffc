package dev.jangle.text;

import dev.jangle.text.JinjaNode.Expression;
import dev.jangle.text.JinjaNode.Statement;
import dev.jangle.text.JinjaToken.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Parses the statements of a template: text, output, if, for, set, macro, break, continue. */
final class JinjaParser {
  /** Deeper templates are refused, so that a hostile one cannot exhaust the stack. */
  private static final int MAX_DEPTH = 100;

  private final JinjaTokens tokens;
  private final JinjaExpressionParser expressions;
  private int depth;
  private int loops;

  private JinjaParser(JinjaTokens tokens) {
    this.tokens = tokens;
    this.expressions = new JinjaExpressionParser(tokens);
  }

  static List<Statement> parse(String template) {
    JinjaParser parser = new JinjaParser(new JinjaTokens(JinjaLexer.tokens(template)));
    List<Statement> body = parser.body(Set.of());
    if (parser.tokens.peek().kind() != Kind.END) {
      throw parser.tokens.unexpected("the end of the template");
    }
    return body;
  }

  /** Statements up to a block with one of these names, which is not taken, or to the end. */
  private List<Statement> body(Set<String> ends) {
    if (++depth > MAX_DEPTH) {
      throw new TemplateException(tokens.peek().line(), "more than " + MAX_DEPTH + " levels deep");
    }
    List<Statement> body = new ArrayList<>();
    while (true) {
      JinjaToken token = tokens.peek();
      switch (token.kind()) {
        case TEXT -> body.add(new JinjaNode.Text(tokens.take().text()));
        case VARIABLE_OPEN -> {
          tokens.take();
          body.add(new JinjaNode.Output(expressions.tuple(Set.of())));
          tokens.expect(Kind.VARIABLE_CLOSE, "'}}'");
        }
        case BLOCK_OPEN -> {
          String name = tokens.peekSecond().text();
          if (tokens.peekSecond().kind() == Kind.NAME && ends.contains(name)) {
            depth--;
            return body;
          }
          tokens.take();
          block(body);
        }
        default -> {
          depth--;
          return body;
        }
      }
    }
  }

  /** A body and the tag that ends it, up to its name. */
  private List<Statement> closedBody(String end) {
    List<Statement> body = body(Set.of(end));
    take(end);
    closeBlock();
    return body;
  }

  private void take(String end) {
    if (tokens.peek().kind() != Kind.BLOCK_OPEN) {
      throw tokens.unexpected("'" + end + "'");
    }
    tokens.take();
    if (!tokens.takeName(end)) {
      throw tokens.unexpected("'" + end + "'");
    }
  }

  private void closeBlock() {
    tokens.expect(Kind.BLOCK_CLOSE, "'%}'");
  }

  private void block(List<Statement> body) {
    JinjaToken name = tokens.expect(Kind.NAME, "the name of a block");
    switch (name.text()) {
      case "if" -> body.add(ifBlock());
      case "for" -> body.add(forBlock(name.line()));
      case "set" -> body.add(set(name.line()));
      case "macro" -> body.add(macro());
      case "break", "continue" -> {
        if (loops == 0) {
          throw new TemplateException(name.line(), "'" + name.text() + "' outside of a loop");
        }
        closeBlock();
        body.add(name.text().equals("break") ? new JinjaNode.Break() : new JinjaNode.Continue());
      }
      case "generation" -> {
        // Marks the assistant's words for training; it writes its body.
        closeBlock();
        body.addAll(closedBody("endgeneration"));
      }
      default ->
          throw new TemplateException(
              name.line(),
              "the block '"
                  + name.text()
                  + "' is not supported; supported: if, for, set, macro, break, continue,"
                  + " generation, raw");
    }
  }

  private Statement ifBlock() {
    List<JinjaNode.Branch> branches = new ArrayList<>();
    while (true) {
      Expression condition = expressions.tupleWithoutConditional();
      closeBlock();
      branches.add(new JinjaNode.Branch(condition, body(Set.of("elif", "else", "endif"))));
      if (tokens.peekSecond().isName("elif")) {
        take("elif");
        continue;
      }
      List<Statement> orElse = orElse("endif");
      return new JinjaNode.If(branches, orElse);
    }
  }

  private List<Statement> orElse(String end) {
    if (tokens.peekSecond().isName("else")) {
      take("else");
      closeBlock();
      return closedBody(end);
    }
    take(end);
    closeBlock();
    return List.of();
  }

  private Statement forBlock(int line) {
    List<String> targets = targets();
    if (!tokens.takeName("in")) {
      throw tokens.unexpected("'in'");
    }
    Expression items = expressions.tupleWithoutConditional();
    Expression filter = tokens.takeName("if") ? expressions.expression() : null;
    if (tokens.peek().isName("recursive")) {
      throw new TemplateException(line, "'for ... recursive' is not supported");
    }
    closeBlock();
    loops++;
    List<Statement> body = body(Set.of("else", "endfor"));
    loops--;
    return new JinjaNode.For(targets, items, filter, body, orElse("endfor"), line);
  }

  private List<String> targets() {
    List<String> targets = new ArrayList<>();
    boolean parenthesised = tokens.takeOperator("(");
    do {
      targets.add(tokens.expectName());
    } while (tokens.takeOperator(","));
    if (parenthesised) {
      tokens.expectOperator(")");
    }
    return targets;
  }

  private Statement set(int line) {
    List<String> targets = targets();
    String attribute = null;
    if (targets.size() == 1 && tokens.takeOperator(".")) {
      attribute = tokens.expectName();
    }
    if (tokens.takeOperator("=")) {
      Expression value = expressions.tuple(Set.of());
      closeBlock();
      return new JinjaNode.Set(targets, attribute, value, line);
    }
    if (targets.size() > 1 || attribute != null) {
      throw tokens.unexpected("'='");
    }
    if (tokens.peek().isOperator("|")) {
      throw new TemplateException(line, "'set' blocks with a filter are not supported");
    }
    closeBlock();
    return new JinjaNode.SetBlock(targets.getFirst(), closedBody("endset"));
  }

  private Statement macro() {
    String name = tokens.expectName();
    tokens.expectOperator("(");
    List<String> parameters = new ArrayList<>();
    List<Expression> defaults = new ArrayList<>();
    while (!tokens.takeOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
      }
      parameters.add(tokens.expectName());
      if (tokens.takeOperator("=")) {
        defaults.add(expressions.expression());
      } else if (!defaults.isEmpty()) {
        throw tokens.unexpected("'=', as a parameter before has a default");
      }
    }
    closeBlock();
    int outside = loops;
    loops = 0;
    List<Statement> body = closedBody("endmacro");
    loops = outside;
    return new JinjaNode.Macro(name, parameters, defaults, body);
  }
}
