package org.llmadapters.conversion.files;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory that appears under its name only when it is complete: it is filled beside it under a
 * temporary name and moved by {@link #commit}. Closed without a commit, or when the program is
 * interrupted, it is deleted.
 */
public final class OutputDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OutputDirectory.class);

  private final Path target;
  private final Path temporary;
  private final boolean overwrite;
  private final Thread cleanup;
  private boolean done;

  private OutputDirectory(Path target, Path temporary, boolean overwrite) {
    this.target = target;
    this.temporary = temporary;
    this.overwrite = overwrite;
    this.cleanup = new Thread(this::deleteAtExit, "delete " + temporary);
  }

  /**
   * Prepares to make {@code target}; directories above it are made as needed.
   *
   * @param overwrite a directory of that name that holds files is replaced by {@link #commit}; else
   *     it is an error
   * @param inputs what the output is made from: must not be inside {@code target}, since they would
   *     be deleted with it
   * @throws IllegalArgumentException if {@code target} is a file, holds files or inputs, or is a
   *     directory that must not be replaced
   * @throws IOException if the temporary directory cannot be made
   */
  public static OutputDirectory create(Path target, boolean overwrite, Path... inputs)
      throws IOException {
    Path directory = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
    directory = directory.normalize();
    Path parent = directory.getParent();
    if (parent == null) {
      throw new IllegalArgumentException(target + ": cannot be replaced; name another directory");
    }
    requireReplaceable(target, directory, overwrite);
    for (Path input : inputs) {
      if (Files.exists(input) && input.toRealPath().startsWith(directory)) {
        throw new IllegalArgumentException(
            target + ": holds the input " + input + "; write to another directory");
      }
    }
    Path temporary = parent.resolve(AtomicFile.temporaryName(directory));
    try {
      Files.createDirectories(parent);
      if (!Files.isDirectory(parent)) {
        throw new NotDirectoryException(parent.toString());
      }
      Files.createDirectory(temporary);
    } catch (IOException e) {
      String reason =
          e instanceof FileAlreadyExistsException file
              ? file.getFile() + " is a file"
              : e.toString();
      throw new IOException(target + ": cannot write in " + parent + ": " + reason, e);
    }
    OutputDirectory output = new OutputDirectory(directory, temporary, overwrite);
    try {
      Runtime.getRuntime().addShutdownHook(output.cleanup);
    } catch (IllegalStateException e) {
      LOG.debug("the program is ending; who writes now is waited for: {}", e.getMessage());
    }
    return output;
  }

  /**
   * Leaves the temporary directory alone when the program ends, since its end waits for the writer,
   * as that of a training run does.
   */
  public OutputDirectory waitedForAtExit() {
    removeHook();
    return this;
  }

  private static void requireReplaceable(Path named, Path directory, boolean overwrite)
      throws IOException {
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isDirectory(directory)) {
      throw new IllegalArgumentException(named + ": is a file, expected a directory to write to");
    }
    if (isEmpty(directory)) {
      return;
    }
    if (!overwrite) {
      throw new IllegalArgumentException(
          named + ": exists and is not empty; name another directory, or ask to overwrite it");
    }
    for (String property : new String[] {"user.dir", "user.home"}) {
      if (Path.of(System.getProperty(property)).startsWith(directory)) {
        throw new IllegalArgumentException(
            named + ": holds " + property + " and is not overwritten; name another directory");
      }
    }
  }

  /** The directory to fill. */
  public Path path() {
    return temporary;
  }

  /**
   * Gives the directory its name, in place of an older one.
   *
   * @throws IOException if moving fails; then an older one is still or again in its place
   */
  public void commit() throws IOException {
    requireReplaceable(target, target, overwrite);
    @Nullable Path old = null;
    if (Files.exists(target)) {
      old = target.resolveSibling(AtomicFile.temporaryName(target));
      Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
    }
    try {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (old != null) {
        Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
      }
      throw e;
    }
    finish();
    if (old != null) {
      deleteTree(old);
    }
  }

  /** Deletes what was written unless it was committed. */
  @Override
  public void close() throws IOException {
    if (!done) {
      finish();
      deleteTree(temporary);
    }
  }

  private void finish() {
    done = true;
    removeHook();
  }

  private void removeHook() {
    try {
      Runtime.getRuntime().removeShutdownHook(cleanup);
    } catch (IllegalStateException e) {
      LOG.debug("the program is ending, and the clean-up is under way: {}", e.getMessage());
    }
  }

  private void deleteAtExit() {
    try {
      deleteTree(temporary);
    } catch (IOException e) {
      LOG.warn("could not delete the incomplete {}: {}", temporary, e.toString());
    }
  }

  private static boolean isEmpty(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.findAny().isEmpty();
    }
  }

  /**
   * Deletes a directory that was made here and is not needed any more: it first loses its name, so
   * that nobody sees half of it.
   */
  public static void delete(Path directory) throws IOException {
    Path hidden = directory.resolveSibling(AtomicFile.temporaryName(directory));
    Files.move(directory, hidden, StandardCopyOption.ATOMIC_MOVE);
    deleteTree(hidden);
  }

  /** Deletes {@code root} and all below it; links are deleted, never followed. */
  private static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failed)
              throws IOException {
            if (failed != null) {
              throw failed;
            }
            Files.delete(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
