package dev.jangle.cli.pull;

import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps two pulls of one model apart, in this process and in others. The system gives the lock back
 * when a process dies. The empty file stays: removing it would let two processes hold two locks.
 */
final class PullLock implements AutoCloseable {
  private static final long POLL_MILLIS = 100;

  private final FileChannel channel;

  private PullLock(FileChannel channel) {
    this.channel = channel;
  }

  /** Waits until nobody else pulls this model. */
  static PullLock acquire(Path file, String model, Terminal terminal)
      throws IOException, InterruptedException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean told = false;
    while (!locked(channel)) {
      if (!told) {
        terminal.note("another process is pulling " + model + "; waiting for it");
        told = true;
      }
      Thread.sleep(POLL_MILLIS);
    }
    return new PullLock(channel);
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // another thread of this process
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
