package dev.jangle.backend;

/** A program that says how many threads the CPU has by default; for {@link BackendTest}. */
final class DefaultThreads {
  private DefaultThreads() {}

  public static void main(String[] arguments) {
    try (Backend backend = Backend.open(BackendKind.CPU, 0, null)) {
      System.out.println(backend.threads());
    }
  }
}
