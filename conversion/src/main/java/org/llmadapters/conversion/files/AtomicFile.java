package org.llmadapters.conversion.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.UUID;

/**
 * A file that appears under its name only when it is complete: it is written beside it under a
 * temporary name and moved.
 */
public final class AtomicFile implements AutoCloseable {
  private final Path target;
  private final Path temporary;

  private AtomicFile(Path target, Path temporary) {
    this.target = target;
    this.temporary = temporary;
  }

  /**
   * Prepares to write or replace {@code target}.
   *
   * @throws IOException if its directory does not exist
   */
  public static AtomicFile create(Path target) throws IOException {
    Path absolute = target.toAbsolutePath();
    Path temporary = absolute.resolveSibling(temporaryName(target));
    Files.createFile(temporary);
    return new AtomicFile(absolute, temporary);
  }

  /** A name that no other file or directory has: {@code NAME.partial-1f3c...}. */
  static String temporaryName(Path target) {
    return target.getFileName() + ".partial-" + UUID.randomUUID().toString().substring(0, 8);
  }

  /** The temporary file to write to; it exists and is empty. */
  public Path path() {
    return temporary;
  }

  /**
   * Gives the file its name.
   *
   * @throws IOException if moving fails
   */
  public void commit() throws IOException {
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Deletes the temporary file unless it was committed. */
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(temporary);
  }
}
