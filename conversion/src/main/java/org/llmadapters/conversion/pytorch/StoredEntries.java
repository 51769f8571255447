package org.llmadapters.conversion.pytorch;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.llmadapters.graph.FormatException;

/**
 * Where the entries of a zip file are that {@code torch.save} wrote: they lie in it as they are,
 * not compressed, so that each is a run of the file's bytes.
 */
final class StoredEntries {
  private static final String PICKLE = "data.pkl";

  private final Path file;
  private final long fileBytes;
  private final Map<String, ZipArchiveEntry> entries;
  private final String root;

  private StoredEntries(
      Path file, long fileBytes, Map<String, ZipArchiveEntry> entries, String root) {
    this.file = file;
    this.fileBytes = fileBytes;
    this.entries = entries;
    this.root = root;
  }

  /** A run of bytes in the file. */
  record Run(long offset, long bytes) {}

  /**
   * Reads the table of {@code file}, a zip file.
   *
   * @throws FormatException if it is damaged, or {@code torch.save} did not write it
   */
  static StoredEntries read(Path file, long fileBytes) {
    Map<String, ZipArchiveEntry> entries = new HashMap<>();
    try (ZipFile zip = ZipFile.builder().setPath(file).get()) {
      for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
        if (entries.put(entry.getName(), entry) != null) {
          throw new FormatException(file, "has two entries called %s", entry.getName());
        }
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new FormatException(
          file, "is not a whole zip file: is it truncated? " + e.getMessage(), e);
    }
    List<String> pickles =
        entries.keySet().stream().filter(name -> name.matches("[^/]+/data\\.pkl")).toList();
    if (pickles.size() != 1) {
      throw new FormatException(
          file,
          "is a zip file with %d entries called NAME/%s, expected 1: was it written by torch.save?",
          pickles.size(),
          PICKLE);
    }
    String pickle = pickles.get(0);
    return new StoredEntries(
        file, fileBytes, entries, pickle.substring(0, pickle.length() - PICKLE.length()));
  }

  /** The entry {@code data.pkl}. */
  Run pickle() {
    return find(PICKLE).orElseThrow();
  }

  /**
   * The entry called {@code name} below the root.
   *
   * @throws FormatException if its bytes do not lie in the file as they are
   */
  Optional<Run> find(String name) {
    return Optional.ofNullable(entries.get(root + name)).map(this::locate);
  }

  private Run locate(ZipArchiveEntry entry) {
    if (entry.getMethod() != ZipEntry.STORED || entry.getGeneralPurposeBit().usesEncryption()) {
      throw new FormatException(
          file,
          "%s is compressed or encrypted, which torch.save does not do; %s",
          entry.getName(),
          PytorchFile.RESAVE);
    }
    Run run = new Run(entry.getDataOffset(), entry.getSize());
    if (run.offset() < 0
        || run.bytes() < 0
        || run.bytes() != entry.getCompressedSize()
        || run.bytes() > fileBytes - run.offset()) {
      throw new FormatException(
          file,
          "%s: %d bytes at byte %d do not lie in the %d bytes of the file: is it damaged?",
          entry.getName(),
          run.bytes(),
          run.offset(),
          fileBytes);
    }
    return run;
  }
}
