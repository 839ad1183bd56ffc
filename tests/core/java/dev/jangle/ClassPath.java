package dev.jangle;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** For tests that start Java anew. */
public final class ClassPath {
  private ClassPath() {}

  /** What this process runs with, be it on the module path or not. */
  public static String ofThisProcess() {
    List<String> entries = new ArrayList<>();
    entries.add(root(ClassPath.class));
    entries.add(root(Model.class));
    Stream.of("java.class.path", "jdk.module.path")
        .map(name -> System.getProperty(name, ""))
        .filter(path -> !path.isEmpty())
        .forEach(entries::add);
    return String.join(File.pathSeparator, entries);
  }

  /** The folder that a class was loaded from. */
  private static String root(Class<?> type) {
    String name = type.getName().replace('.', '/') + ".class";
    String found = String.valueOf(type.getClassLoader().getResource(name));
    return found.substring("file:".length(), found.length() - name.length());
  }
}
