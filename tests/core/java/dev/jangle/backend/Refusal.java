package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.function.Executable;

/** Asserts that a call is refused with a message that names what was wrong. */
public final class Refusal {
  private Refusal() {}

  /** The call throws an exception of this type whose message has all these parts. */
  public static void of(Class<? extends Throwable> type, Executable call, String... parts) {
    Throwable thrown = assertThrows(type, call);
    for (String part : parts) {
      if (thrown.getMessage() == null || !thrown.getMessage().contains(part)) {
        fail("the message does not have \"" + part + "\": " + thrown.getMessage(), thrown);
      }
    }
  }
}
