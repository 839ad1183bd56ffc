package dev.jangle.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** Figures in JSON, which has no NaN and no infinity. */
public final class JsonFigures {
  private JsonFigures() {}

  /** Puts a figure, or null where there is none. */
  public static void put(ObjectNode object, String name, double value) {
    if (Double.isFinite(value)) {
      object.put(name, value);
    } else {
      object.putNull(name);
    }
  }
}
