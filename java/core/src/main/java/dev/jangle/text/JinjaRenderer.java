package dev.jangle.text;

import dev.jangle.text.JinjaNode.Statement;
import dev.jangle.text.JinjaValues.Function;
import dev.jangle.text.JinjaValues.Namespace;
import dev.jangle.text.JinjaValues.Undefined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Executes the statements of a template. One object per rendering. */
final class JinjaRenderer {
  private static final int MAX_CHARACTERS = 1 << 26;
  private static final int MAX_CALLS = 100;

  private enum Exit {
    NONE,
    BREAK,
    CONTINUE
  }

  private final JinjaMeter meter = new JinjaMeter();
  private final JinjaEvaluator evaluator = new JinjaEvaluator(meter);
  private int written;
  private int calls;

  private JinjaRenderer() {}

  /** The text of a template with these names defined. */
  static String render(List<Statement> template, Map<String, Object> variables) {
    JinjaRenderer renderer = new JinjaRenderer();
    JinjaScope scope = new JinjaScope(null);
    variables.forEach(scope::set);
    StringBuilder out = new StringBuilder();
    try {
      renderer.run(template, scope, out);
    } catch (JinjaException e) {
      throw new TemplateException(renderer.evaluator.line(), e.getMessage());
    } catch (StackOverflowError e) {
      throw new TemplateException(renderer.evaluator.line(), "is too deeply nested");
    } catch (RuntimeException e) {
      throw new TemplateException(renderer.evaluator.line(), "cannot be computed: " + e);
    }
    return out.toString();
  }

  private Exit run(List<Statement> body, JinjaScope scope, StringBuilder out) {
    for (Statement statement : body) {
      Exit exit = run(statement, scope, out);
      if (exit != Exit.NONE) {
        return exit;
      }
    }
    return Exit.NONE;
  }

  private Exit run(Statement statement, JinjaScope scope, StringBuilder out) {
    switch (statement) {
      case JinjaNode.Text text -> write(text.text(), out);
      case JinjaNode.Output output ->
          write(JinjaValues.string(evaluator.evaluate(output.value(), scope)), out);
      case JinjaNode.If choice -> {
        for (JinjaNode.Branch branch : choice.branches()) {
          if (JinjaValues.truth(evaluator.evaluate(branch.condition(), scope))) {
            return run(branch.body(), scope, out);
          }
        }
        return run(choice.orElse(), scope, out);
      }
      case JinjaNode.For loop -> {
        return loop(loop, scope, out);
      }
      case JinjaNode.Set set -> set(set, scope);
      case JinjaNode.SetBlock set -> {
        StringBuilder value = new StringBuilder();
        run(set.body(), new JinjaScope(scope), value);
        scope.set(set.target(), value.toString());
      }
      case JinjaNode.Macro macro -> scope.set(macro.name(), macro(macro, scope));
      case JinjaNode.Break end -> {
        return Exit.BREAK;
      }
      case JinjaNode.Continue next -> {
        return Exit.CONTINUE;
      }
    }
    return Exit.NONE;
  }

  private void write(String text, StringBuilder out) {
    written += text.length();
    if (written > MAX_CHARACTERS) {
      throw new JinjaException("writes more than " + MAX_CHARACTERS + " characters");
    }
    out.append(text);
  }

  private Exit loop(JinjaNode.For loop, JinjaScope scope, StringBuilder out) {
    List<Object> items = JinjaValues.items(evaluator.evaluate(loop.items(), scope));
    if (loop.filter() != null) {
      meter.take(items.size());
      List<Object> kept = new ArrayList<>();
      for (Object item : items) {
        JinjaScope inner = new JinjaScope(scope);
        assign(loop.targets(), item, inner);
        if (JinjaValues.truth(evaluator.evaluate(loop.filter(), inner))) {
          kept.add(item);
        }
      }
      items = kept;
    }
    meter.take(items.size());
    for (int i = 0; i < items.size(); i++) {
      JinjaScope inner = new JinjaScope(scope);
      inner.set("loop", state(items, i));
      assign(loop.targets(), items.get(i), inner);
      if (run(loop.body(), inner, out) == Exit.BREAK) {
        break;
      }
    }
    return items.isEmpty() ? run(loop.orElse(), scope, out) : Exit.NONE;
  }

  /** The variable {@code loop}. */
  private static Namespace state(List<Object> items, int index) {
    int size = items.size();
    Map<String, Object> loop = new LinkedHashMap<>();
    loop.put("index", index + 1L);
    loop.put("index0", (long) index);
    loop.put("revindex", (long) size - index);
    loop.put("revindex0", size - index - 1L);
    loop.put("first", index == 0);
    loop.put("last", index == size - 1);
    loop.put("length", (long) size);
    loop.put("previtem", index > 0 ? items.get(index - 1) : new Undefined("loop.previtem"));
    loop.put("nextitem", index + 1 < size ? items.get(index + 1) : new Undefined("loop.nextitem"));
    Function cycle = arguments -> cycled(arguments, index);
    loop.put("cycle", cycle);
    return new Namespace(loop);
  }

  private static Object cycled(JinjaArguments arguments, int index) {
    List<Object> values = arguments.positional();
    if (values.isEmpty()) {
      throw new JinjaException("loop.cycle: no values");
    }
    return values.get(index % values.size());
  }

  private void set(JinjaNode.Set set, JinjaScope scope) {
    Object value = evaluator.evaluate(set.value(), scope);
    if (set.attribute() == null) {
      assign(set.targets(), value, scope);
    } else if (scope.get(set.targets().getFirst()) instanceof Namespace namespace) {
      namespace.values().put(set.attribute(), value);
    } else {
      throw new JinjaException("'" + set.targets().getFirst() + "' is not a namespace");
    }
  }

  private static void assign(List<String> targets, Object value, JinjaScope scope) {
    if (targets.size() == 1) {
      scope.set(targets.getFirst(), value);
      return;
    }
    List<Object> items = JinjaValues.items(value);
    if (items.size() != targets.size()) {
      throw new JinjaException(
          "cannot assign " + items.size() + " values to " + targets.size() + " names");
    }
    for (int i = 0; i < targets.size(); i++) {
      scope.set(targets.get(i), items.get(i));
    }
  }

  private Function macro(JinjaNode.Macro macro, JinjaScope scope) {
    int required = macro.parameters().size() - macro.defaults().size();
    return arguments -> {
      arguments.allow(macro.parameters().toArray(String[]::new));
      if (++calls > MAX_CALLS) {
        throw new JinjaException("more than " + MAX_CALLS + " calls deep");
      }
      JinjaScope inner = new JinjaScope(scope);
      for (int i = 0; i < macro.parameters().size(); i++) {
        String parameter = macro.parameters().get(i);
        Object value = arguments.get(i, parameter, null);
        if (value == null) {
          value =
              i < required
                  ? new Undefined("the parameter '" + parameter + "'")
                  : evaluator.evaluate(macro.defaults().get(i - required), inner);
        }
        inner.set(parameter, value);
      }
      StringBuilder out = new StringBuilder();
      run(macro.body(), inner, out);
      calls--;
      return out.toString();
    };
  }
}
