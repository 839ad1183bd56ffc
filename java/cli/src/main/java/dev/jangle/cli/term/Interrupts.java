package dev.jangle.cli.term;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Ctrl-C. By itself it ends the program with code 130 and leaves the terminal as it should be;
 * while a {@link Scope} is open, the first one runs the scope's action instead.
 */
public final class Interrupts {
  /** Exit code of an interrupted program: 128 + SIGINT. */
  public static final int EXIT_CODE = 130;

  private static final AtomicReference<Runnable> ACTION = new AtomicReference<>();

  private Interrupts() {}

  /** Ctrl-C means something else until this is closed. */
  public interface Scope extends AutoCloseable {
    @Override
    void close();
  }

  /** The next Ctrl-C runs {@code action}, on a thread of its own; the one after it ends all. */
  public static Scope first(Runnable action) {
    ACTION.set(action);
    return () -> ACTION.compareAndSet(action, null);
  }

  /** Takes Ctrl-C over from the JVM. */
  public static void install(Terminal terminal) {
    Runnable end =
        () -> {
          if (terminal.outColors() || terminal.errColors()) {
            terminal.err().print("\033[0m");
          }
          if (terminal.errTerminal()) {
            terminal.err().println();
          }
          Runtime.getRuntime().exit(EXIT_CODE);
        };
    handle(
        () -> {
          Runnable action = ACTION.getAndSet(null);
          (action == null ? end : action).run();
        });
  }

  /**
   * {@code Signal.handle(new Signal("INT"), handler)}. By reflection, because javac warns of
   * sun.misc.Signal and cannot be told not to; the JDK has no other way.
   */
  private static void handle(Runnable handler) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> signalHandler = Class.forName("sun.misc.SignalHandler");
      InvocationHandler invocation =
          (proxy, method, arguments) -> {
            if (method.getDeclaringClass() == Object.class) {
              return method.invoke(handler, arguments);
            }
            handler.run();
            return null;
          };
      Object proxy =
          Proxy.newProxyInstance(
              Interrupts.class.getClassLoader(), new Class<?>[] {signalHandler}, invocation);
      Object interrupt = signal.getConstructor(String.class).newInstance("INT");
      signal.getMethod("handle", signal, signalHandler).invoke(null, interrupt, proxy);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("this JDK has no sun.misc.Signal", e);
    }
  }
}
