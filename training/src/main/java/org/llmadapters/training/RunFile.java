package org.llmadapters.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.google.common.base.Joiner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.NearestName;
import org.llmadapters.graph.FormatException;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The options of a command as a file: {@code run.json}, which every run writes, and {@code
 * --config}, which takes it or any YAML with the same keys. A key is an option's name without the
 * dashes in front.
 */
public final class RunFile {
  /** Name of the file in a run's folder. */
  static final String NAME = "run.json";

  /**
   * Stands between the values of an option that may be given several times, where they are one
   * text; no value has one in it.
   */
  static final String SEPARATOR = "\n";

  /** Options that belong to one start of a run, not to the run. */
  private static final Set<String> NOT_STORED =
      Set.of("config", "resume", "overwrite", "help", "version", "verbose");

  private static final long MAX_BYTES = 1 << 20;

  private final Map<String, String> values;

  private RunFile(Map<String, String> values) {
    this.values = values;
  }

  /** The options that {@code command} was given, or has by default. */
  static RunFile of(CommandSpec command) {
    Map<String, String> values = new LinkedHashMap<>();
    for (OptionSpec option : command.options()) {
      Object value = option.getValue();
      if (value != null && !NOT_STORED.contains(key(option))) {
        values.put(
            key(option),
            value instanceof Collection<?> several
                ? Joiner.on(SEPARATOR).join(several)
                : value.toString());
      }
    }
    return new RunFile(values);
  }

  /** An empty one, for runs that do not come from the command line. */
  static RunFile none() {
    return new RunFile(Map.of());
  }

  /** Writes it into the folder of a run. */
  void write(Path folder) throws IOException {
    ObjectNode json = Json.object();
    for (Map.Entry<String, String> value : values.entrySet()) {
      String[] several = value.getValue().split(SEPARATOR, -1);
      if (several.length == 1) {
        json.put(value.getKey(), value.getValue());
      } else {
        Arrays.stream(several).forEach(json.putArray(value.getKey())::add);
      }
    }
    Json.write(folder.resolve(NAME), json);
  }

  /**
   * Lets {@code command} take its defaults from {@code file}.
   *
   * @throws FormatException that lists every key which is not an option
   */
  public static void useAsDefaults(Path file, CommandLine command) throws IOException {
    Map<String, String> defaults = read(file, command.getCommandSpec());
    command.setDefaultValueProvider(
        argument -> argument instanceof OptionSpec option ? defaults.get(key(option)) : null);
  }

  private static Map<String, String> read(Path file, CommandSpec command) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) > MAX_BYTES) {
      throw new FormatException(
          file, "expected a YAML or JSON file of at most %d bytes", MAX_BYTES);
    }
    JsonNode root;
    try {
      root = new YAMLMapper().readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new FormatException(
          file, "is not YAML: " + e.getOriginalMessage().strip().replaceAll("\\s+", " "), e);
    }
    if (!root.isObject()) {
      throw new FormatException(file, "expected a list of options such as \"learning-rate: 3e-4\"");
    }
    Set<String> known = new TreeSet<>();
    Set<String> several = new TreeSet<>();
    for (OptionSpec option : command.options()) {
      known.add(key(option));
      if (option.splitRegex().equals(SEPARATOR)) {
        several.add(key(option));
      }
    }
    List<String> problems = new ArrayList<>();
    Map<String, String> values = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> field : root.properties()) {
      String key = field.getKey().replace('_', '-');
      if (!known.contains(key)) {
        problems.add(
            "unknown option \""
                + field.getKey()
                + "\""
                + NearestName.of(key, known)
                    .map(name -> "; did you mean \"" + name + "\"?")
                    .orElse(""));
      } else if (field.getValue().isContainerNode() && !field.getValue().isArray()) {
        problems.add(field.getKey() + ": expected one value");
      } else {
        values.put(key, text(field.getValue(), several.contains(key) ? SEPARATOR : ","));
      }
    }
    if (!problems.isEmpty()) {
      throw new FormatException(file, "%s", String.join("; ", problems));
    }
    return values;
  }

  private static String text(JsonNode value, String separator) {
    if (!value.isArray()) {
      return value.asText();
    }
    List<String> items = new ArrayList<>();
    value.forEach(item -> items.add(item.asText()));
    return String.join(separator, items);
  }

  private static String key(OptionSpec option) {
    return option.longestName().replaceFirst("^-+", "");
  }
}
