package dev.jangle.text;

import java.util.List;

/** The syntax tree of a template. Lines are counted from 1. */
sealed interface JinjaNode {
  /** Something that writes text. */
  sealed interface Statement extends JinjaNode {}

  /** Something with a value. */
  sealed interface Expression extends JinjaNode {
    int line();
  }

  record Text(String text) implements Statement {}

  record Output(Expression value) implements Statement {}

  /** The first branch whose condition holds, else {@code orElse}. */
  record If(List<Branch> branches, List<Statement> orElse) implements Statement {}

  record Branch(Expression condition, List<Statement> body) {}

  /** {@code filter} and {@code orElse} may be null and empty. */
  record For(
      List<String> targets,
      Expression items,
      Expression filter,
      List<Statement> body,
      List<Statement> orElse,
      int line)
      implements Statement {}

  /** {@code attribute} is null but for {@code set namespace.attribute = value}. */
  record Set(List<String> targets, String attribute, Expression value, int line)
      implements Statement {}

  record SetBlock(String target, List<Statement> body) implements Statement {}

  /** {@code defaults} belong to the last parameters. */
  record Macro(
      String name, List<String> parameters, List<Expression> defaults, List<Statement> body)
      implements Statement {}

  record Break() implements Statement {}

  record Continue() implements Statement {}

  record Constant(Object value, int line) implements Expression {}

  record Name(String name, int line) implements Expression {}

  /** A list, or a tuple, which templates cannot tell apart but by its text. */
  record Items(List<Expression> items, boolean tuple, int line) implements Expression {}

  record Dict(List<Expression> keys, List<Expression> values, int line) implements Expression {}

  record Attribute(Expression value, String name, int line) implements Expression {}

  record Index(Expression value, Expression index, int line) implements Expression {}

  /** The three parts may be null. */
  record Slice(Expression value, Expression start, Expression stop, Expression step, int line)
      implements Expression {}

  record Call(Expression callee, Arguments arguments, int line) implements Expression {}

  record Filter(Expression value, String name, Arguments arguments, int line)
      implements Expression {}

  record Test(Expression value, String name, Arguments arguments, int line) implements Expression {}

  /** {@code -}, {@code +} or {@code not}. */
  record Unary(String operator, Expression value, int line) implements Expression {}

  /** Arithmetic, {@code ~}, {@code and} or {@code or}. */
  record Binary(String operator, Expression left, Expression right, int line)
      implements Expression {}

  /** A chain: each operator stands before the operand of the same index. */
  record Compare(Expression first, List<String> operators, List<Expression> operands, int line)
      implements Expression {}

  /** {@code orElse} may be null. */
  record Conditional(Expression condition, Expression value, Expression orElse, int line)
      implements Expression {}

  /** Arguments of a call, by position and by name. */
  record Arguments(List<Expression> positional, List<String> names, List<Expression> named) {
    static final Arguments NONE = new Arguments(List.of(), List.of(), List.of());
  }
}
