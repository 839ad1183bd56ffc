package dev.jangle.train;

import dev.jangle.format.AtomicFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The folder of a run: {@code checkpoint-000050.safetensors}, named by steps done, and {@code
 * log.jsonl}. Locked while it is open; the system gives the lock back when a process dies.
 */
final class RunFolder implements AutoCloseable {
  private static final Pattern CHECKPOINT = Pattern.compile("checkpoint-(\\d{1,9})\\.safetensors");

  private final Path path;
  private final FileChannel lock;

  private RunFolder(Path path, FileChannel lock) {
    this.path = path;
    this.lock = lock;
  }

  /**
   * Makes the folder if need be, and removes what a killed run left half-written.
   *
   * @throws TrainingException where another run writes there
   */
  static RunFolder open(Path path) throws IOException {
    if (Files.exists(path) && !Files.isDirectory(path)) {
      throw new IOException(path + ": is not a folder; a run is written into one");
    }
    Files.createDirectories(path);
    FileChannel channel =
        FileChannel.open(path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean locked = false;
    try {
      locked = tryLock(channel);
      if (!locked) {
        throw new TrainingException(path + ": another run writes there; wait for it, or stop it");
      }
      RunFolder folder = new RunFolder(path, channel);
      folder.removeParts();
      return folder;
    } finally {
      if (!locked) {
        channel.close();
      }
    }
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // another run of this process
    }
  }

  private void removeParts() throws IOException {
    for (Path file : files()) {
      String name = file.getFileName().toString();
      if (name.endsWith(AtomicFile.PART)
          && CHECKPOINT
              .matcher(name.substring(0, name.length() - AtomicFile.PART.length()))
              .matches()) {
        Files.delete(file);
      }
    }
  }

  private List<Path> files() throws IOException {
    try (var files = Files.list(path)) {
      return files.toList();
    }
  }

  /** The folder itself. */
  Path path() {
    return path;
  }

  /** One line for each step. */
  Path log() {
    return path.resolve("log.jsonl");
  }

  /** Whether something is there under a name; an empty folder is nothing. */
  boolean has(String name) throws IOException {
    Path file = path.resolve(name);
    if (!Files.isDirectory(file)) {
      return Files.exists(file);
    }
    try (var inside = Files.list(file)) {
      return inside.findAny().isPresent();
    }
  }

  /** Where the checkpoint after so many steps lies. */
  Path checkpoint(int steps) {
    return path.resolve(String.format(Locale.ROOT, "checkpoint-%06d.safetensors", steps));
  }

  /** The checkpoint of the most steps. */
  Optional<Path> newest() throws IOException {
    List<Path> all = checkpoints();
    return all.isEmpty() ? Optional.empty() : Optional.of(all.getFirst());
  }

  /** Removes all checkpoints but the newest. */
  void prune(int keep) throws IOException {
    List<Path> all = checkpoints();
    for (Path old : all.subList(Math.min(keep, all.size()), all.size())) {
      Files.delete(old);
    }
  }

  /** Newest first. */
  private List<Path> checkpoints() throws IOException {
    Map<Integer, Path> found = new TreeMap<>(Comparator.reverseOrder());
    for (Path file : files()) {
      Matcher matcher = CHECKPOINT.matcher(file.getFileName().toString());
      if (matcher.matches()) {
        found.put(Integer.valueOf(matcher.group(1)), file);
      }
    }
    return Collections.unmodifiableList(new ArrayList<>(found.values()));
  }

  @Override
  public void close() throws IOException {
    lock.close();
  }
}
