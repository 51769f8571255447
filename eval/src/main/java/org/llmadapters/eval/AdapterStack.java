package org.llmadapters.eval;

import java.nio.file.Path;
import java.util.List;

/**
 * The adapters that are on the base model at once: none, one or several.
 *
 * @param name by which {@link Generator#use} knows it; a column of a table, a folder's name
 * @param directories PEFT directories. What one adapter makes of a layer, the next one adapts: the
 *     first is nearest to the base
 */
public record AdapterStack(String name, List<Path> directories) {
  /** The base model alone. */
  public static final AdapterStack BASE = new AdapterStack("base", List.of());

  private static final String NAME = "[A-Za-z0-9_][A-Za-z0-9_.+-]*";

  public AdapterStack {
    directories = List.copyOf(directories);
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "an adapter's name has letters, digits, _ - . + and starts with none of the last three,"
              + " got \""
              + name
              + "\"; name the adapter: NAME=DIR");
    }
    if (directories.stream().map(AdapterStack::normalized).distinct().count()
        < directories.size()) {
      throw new IllegalArgumentException(
          name + ": an adapter is on the base twice, got " + directories + "; name each once");
    }
  }

  /** One path for each directory, however it is written. */
  static Path normalized(Path directory) {
    return directory.toAbsolutePath().normalize();
  }

  /** Whether {@code text} can be the name of one. */
  static boolean isName(String text) {
    return text.matches(NAME);
  }
}
