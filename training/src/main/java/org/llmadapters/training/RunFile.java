package org.llmadapters.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
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
import java.util.stream.Collectors;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.NearestName;
import org.llmadapters.graph.FormatException;
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
  public static final String SEPARATOR = "\n";

  /** Options that belong to one start of a run, not to the run. */
  private static final Set<String> NOT_STORED =
      Set.of("config", "resume", "resume-from", "overwrite", "help", "version", "verbose");

  private static final long MAX_BYTES = 1 << 20;

  private static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final Map<String, String> values;

  private RunFile(Map<String, String> values) {
    this.values = values;
  }

  /** The options that {@code command} was given, or has by default. */
  public static RunFile of(CommandSpec command) {
    Map<String, String> values = new LinkedHashMap<>();
    for (OptionSpec option : command.options()) {
      Object value = option.getValue();
      if (value != null && !NOT_STORED.contains(key(option))) {
        values.put(
            key(option),
            value instanceof Collection<?> several
                ? several.stream().map(RunFile::text).collect(Collectors.joining(SEPARATOR))
                : text(value));
      }
    }
    return new RunFile(values);
  }

  /** Files are named so that the run can be repeated in another working directory. */
  private static String text(Object value) {
    if (value instanceof DataFile data) {
      return data.absolute().toString();
    }
    return value instanceof Path path
        ? path.toAbsolutePath().normalize().toString()
        : value.toString();
  }

  /** An empty one, for runs that do not come from the command line. */
  public static RunFile none() {
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
   * The options in {@code file}, by key.
   *
   * @throws FormatException that lists every key which is not an option of {@code command}
   */
  public static Map<String, String> read(Path file, CommandSpec command) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) > MAX_BYTES) {
      throw new FormatException(
          file, "expected a YAML or JSON file of at most %d bytes", MAX_BYTES);
    }
    JsonNode root;
    try {
      root = YAML.readTree(Files.readAllBytes(file));
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
      } else {
        try {
          String separator = several.contains(key) ? SEPARATOR : ",";
          if (values.put(key, text(field.getValue(), separator)) != null) {
            problems.add("duplicate option \"" + field.getKey() + "\"");
          }
        } catch (IllegalArgumentException e) {
          problems.add(field.getKey() + ": " + e.getMessage());
        }
      }
    }
    if (!problems.isEmpty()) {
      throw new FormatException(file, "%s", String.join("; ", problems));
    }
    return values;
  }

  /** A list as {@code a,b}, a map as {@code a=1,b=2}: how the flag is written. */
  private static String text(JsonNode value, String separator) {
    List<String> items = new ArrayList<>();
    if (value.isObject()) {
      value
          .properties()
          .forEach(field -> items.add(field.getKey() + "=" + single(field.getValue())));
    } else if (value.isArray()) {
      value.forEach(item -> items.add(single(item)));
    } else {
      items.add(single(value));
    }
    return String.join(separator, items);
  }

  private static String single(JsonNode value) {
    if (!value.isValueNode() || value.isNull()) {
      throw new IllegalArgumentException(
          "expected a value, a list of values or a map of values, got " + Json.describe(value));
    }
    return value.asText();
  }

  /** What {@code option} is called in a file. */
  public static String key(OptionSpec option) {
    return option.longestName().replaceFirst("^-+", "");
  }
}
