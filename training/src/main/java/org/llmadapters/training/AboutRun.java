package org.llmadapters.training;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.device.Device;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.training.report.RunReport;

/**
 * {@code about.json}: what a run was started with besides its options. Sections of names and
 * values, for people.
 */
final class AboutRun {
  private AboutRun() {}

  /** Writes the file of a run on {@code device}. */
  static void write(Path folder, Trainee trainee, RunData examples, Device device)
      throws IOException {
    ObjectNode json = Json.object();
    ObjectNode parameters = json.putObject("trainable parameters");
    long trainable = trainee.variables().stream().mapToLong(Weight::elements).sum();
    parameters.put(
        "all",
        String.format(
            Locale.ROOT,
            "%d of %d (%.3f %%)",
            trainable,
            trainee.totalParameters(),
            100.0 * trainable / trainee.totalParameters()));
    shapes(trainee).forEach(parameters::put);
    ObjectNode data = json.putObject("data");
    data.put("training", examples.description());
    data.put("validation examples", examples.validation().size());
    ObjectNode versions = json.putObject("versions");
    versions.put("TensorFlow", TensorFlowRuntime.version());
    versions.put("Java", Runtime.version() + ", " + System.getProperty("java.vendor"));
    ObjectNode machine = json.putObject("machine");
    machine.put(
        "system",
        String.join(
            " ",
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("os.arch")));
    Processor.name().ifPresent(name -> machine.put("processor", name));
    machine.put("device", device.toString());
    machine.put("cores", Runtime.getRuntime().availableProcessors());
    Json.write(folder.resolve(RunReport.ABOUT), json);
  }

  /** The trained variables, those that differ in the number of their layer alone together. */
  private static Map<String, String> shapes(Trainee trainee) {
    Map<String, Long> counts =
        trainee.variables().stream()
            .collect(
                Collectors.groupingBy(
                    weight -> weight.name().replaceAll("\\b\\d+\\b", "N") + " " + weight.shape(),
                    TreeMap::new,
                    Collectors.mapping(Function.identity(), Collectors.counting())));
    Map<String, String> shapes = new TreeMap<>();
    counts.forEach(
        (variable, count) -> {
          int space = variable.indexOf(' ');
          shapes.merge(
              variable.substring(0, space),
              count + " x " + variable.substring(space + 1),
              (first, second) -> first + ", " + second);
        });
    return shapes;
  }
}
