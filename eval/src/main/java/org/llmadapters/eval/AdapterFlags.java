package org.llmadapters.eval;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** The flags that say which adapters are evaluated, each as a column of the table. */
final class AdapterFlags {
  private static final String BARE = AdapterStack.BASE.name();

  @Option(
      names = "--adapter",
      paramLabel = "[NAME=]DIR",
      description =
          "PEFT directory of an adapter, or base for the model without one; may be repeated. The name is the directory's unless given (default base).")
  private List<String> adapters = new ArrayList<>();

  @Option(
      names = "--stack",
      paramLabel = "[NAME=]A,B",
      description =
          "Adapters that are on the model at once, the first nearest to it: directories, or names of --adapter; may be repeated.")
  private List<String> stacks = new ArrayList<>();

  /**
   * What is evaluated, in order: adapters, then stacks; the bare model if there are none.
   *
   * @throws IllegalArgumentException if two have one name, or a name cannot be one
   */
  List<AdapterStack> stacks() {
    Map<String, AdapterStack> columns = new LinkedHashMap<>();
    for (String text : adapters) {
      put(columns, text.equals(BARE) ? AdapterStack.BASE : adapter(text));
    }
    for (String text : stacks) {
      put(columns, stack(text, columns));
    }
    return columns.isEmpty() ? List.of(AdapterStack.BASE) : List.copyOf(columns.values());
  }

  private static void put(Map<String, AdapterStack> columns, AdapterStack column) {
    if (columns.put(column.name(), column) != null) {
      throw new IllegalArgumentException(
          "two adapters are called " + column.name() + "; name them: --adapter NAME=DIR");
    }
  }

  /** One adapter, {@code NAME=DIR} or {@code DIR}. */
  private static AdapterStack adapter(String text) {
    int nameEnd = nameEnd(text);
    Path directory = Path.of(text.substring(nameEnd + 1));
    String name = nameEnd > 0 ? text.substring(0, nameEnd) : defaultName(directory);
    if (name.equals(BARE)) {
      throw new IllegalArgumentException(
          "--adapter "
              + text
              + ": base is the model without an adapter; give the adapter another name:"
              + " --adapter NAME=DIR");
    }
    return new AdapterStack(name, List.of(directory));
  }

  private static AdapterStack stack(String text, Map<String, AdapterStack> columns) {
    int nameEnd = nameEnd(text);
    List<String> names = new ArrayList<>();
    List<Path> directories = new ArrayList<>();
    for (String part : text.substring(nameEnd + 1).split(",", -1)) {
      AdapterStack known = columns.get(part);
      AdapterStack adapter = known != null ? known : adapter(part);
      names.add(adapter.name());
      directories.addAll(adapter.directories());
    }
    if (directories.size() < 2) {
      throw new IllegalArgumentException(
          "--stack " + text + ": expected two or more adapters: --stack A,B");
    }
    String name = nameEnd > 0 ? text.substring(0, nameEnd) : String.join("+", names);
    return new AdapterStack(name, directories);
  }

  /** Where a name ends that {@code text} begins with, -1 if it begins with none. */
  private static int nameEnd(String text) {
    int end = text.indexOf('=');
    return end > 0 && AdapterStack.isName(text.substring(0, end)) ? end : -1;
  }

  private static String defaultName(Path directory) {
    Path last = AdapterStack.normalized(directory).getFileName();
    return last == null ? "" : last.toString();
  }
}
