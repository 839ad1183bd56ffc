package dev.jangle.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A file to read. A folder is refused by name: reading one says "Is a directory" and no more. */
final class FileConverter implements ITypeConverter<Path> {
  @Override
  public Path convert(String value) {
    Path path = Path.of(value);
    if (Files.isDirectory(path)) {
      throw new TypeConversionException(value + " is a folder; expected a file");
    }
    return path;
  }
}
