package dev.jangle;

import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A program of the tests, for a process of its own. */
public final class JavaProgram {
  /** Properties that say where it computes: as this process does. */
  private static final List<String> SAME =
      List.of("jangle.native.cache", "jangle.test.backend", "jangle.library.cuda");

  private JavaProgram() {}

  /** The command that runs {@code main} as this process runs, but with these options of the JVM. */
  public static List<String> command(Class<?> main, List<String> options) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(options);
    command.add("-XX:TieredStopAtLevel=1");
    command.add("-Xshare:auto");
    for (String name : SAME) {
      if (System.getProperty(name) != null) {
        command.add("-D" + name + "=" + System.getProperty(name));
      }
    }
    command.add("-cp");
    command.add(classPath(main));
    command.add(main.getName());
    return command;
  }

  /** What this process runs with, be it on the module path or not. */
  private static String classPath(Class<?> main) {
    List<String> entries = new ArrayList<>();
    entries.add(root(main));
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
