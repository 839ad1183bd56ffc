package dev.jangle.cli.pull;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Terminal;
import dev.jangle.smollm2.MsnAdapter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Adapters: folders of the user's, and the one that comes with Jangle. */
public final class AdapterStore {
  private final Path adapters;

  public AdapterStore(Terminal terminal) {
    adapters = ModelStore.home(terminal).resolve("adapters");
  }

  /**
   * The folder of an adapter: a path, or the name of the one that comes with Jangle, which is
   * written to the user's folder first. Its content is in the folder's name: another build of
   * Jangle, with another adapter, has another folder.
   *
   * @throws Failure where that folder cannot be written
   */
  public Path resolve(Path adapter) {
    if (!adapter.toString().equals(MsnAdapter.NAME) || Files.exists(adapter)) {
      return adapter;
    }
    try {
      return MsnAdapter.writeTo(adapters.resolve(MsnAdapter.NAME + "-" + MsnAdapter.contentHash()));
    } catch (IOException e) {
      throw new Failure(
          "cannot write %s into %s (%s); set JANGLE_HOME to a folder that can be written"
              .formatted(adapter, adapters, e.getMessage()),
          e);
    }
  }
}
