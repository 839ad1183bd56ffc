package dev.jangle.backend;

import java.util.List;

/** What this machine can run on. Thread-safe. */
public final class Backends {
  private Backends() {}

  /** The state of every backend, the CPU first. Never throws for a backend that is missing. */
  public static List<BackendStatus> probe() {
    return List.of(status(BackendKind.CPU), status(BackendKind.CUDA));
  }

  private static BackendStatus status(BackendKind kind) {
    try (Backend backend = Backend.open(kind, 1, null)) {
      return new BackendStatus(kind, true, backend.deviceName(), backend.tier().toString(), "");
    } catch (BackendException e) {
      return new BackendStatus(kind, false, "", "", e.getMessage());
    }
  }
}
