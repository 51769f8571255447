package org.llmadapters.training;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.optimizer.Optimizer;
import org.llmadapters.training.step.LossScale;

/**
 * The checkpoints of a run, one folder each:
 *
 * <pre>
 *   checkpoint-50/
 *     state.safetensors    every variable of the adapter or the model, and what the
 *                          optimizer keeps for every trained one, float32
 *     trainer_state.json   updates done, the fingerprint of the run, and the best evaluation so far:
 *                          {"step": 50, "run": "...", "best_step": 40, "best_eval_loss": 1.2,
 *                           "evaluations_without_improvement": 1}
 *                          and, with a dynamic loss scale,
 *                          "loss_scale": {"scale": 32768.0, "growth_tracker": 7, "skipped_steps": 1}
 * </pre>
 *
 * <p>A folder appears under its name only when it is whole, so whatever has that name can be
 * resumed from. Data order and dropout follow from the run's seed and the step, so nothing else is
 * needed.
 */
public final class Checkpoints {
  private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{1,18})");
  private static final String STATE = "state.safetensors";
  private static final String TRAINER_STATE = "trainer_state.json";
  private static final String BEST_STEP = "best_step";
  private static final String BEST_EVAL_LOSS = "best_eval_loss";
  private static final String WITHOUT_IMPROVEMENT = "evaluations_without_improvement";

  private static final String LOSS_SCALE = "loss_scale";
  private static final String SCALE = "scale";
  private static final String GROWTH_TRACKER = "growth_tracker";
  private static final String SKIPPED_STEPS = "skipped_steps";

  private final Path directory;
  private final String run;
  private final int limit;
  private final boolean keepBest;
  private final Optimizer optimizer;

  /**
   * The checkpoints in {@code directory}.
   *
   * @param run fingerprint of what decides the course of the run; a checkpoint of another run is
   *     refused
   * @param limit how many are kept, at least 1
   * @param keepBest whether that of the best evaluation is kept as well
   * @param optimizer whose state they hold
   */
  Checkpoints(Path directory, String run, int limit, boolean keepBest, Optimizer optimizer) {
    this.directory = directory;
    this.run = run;
    this.limit = limit;
    this.keepBest = keepBest;
    this.optimizer = optimizer;
  }

  /**
   * Saves what {@code trainee} holds after {@code step} updates, and the loss scale, and deletes
   * the oldest checkpoints beyond the limit.
   */
  void save(long step, Trainee trainee, EvalProgress progress, LossScale lossScale)
      throws IOException {
    try (OutputDirectory output = OutputDirectory.create(path(step), true).waitedForAtExit()) {
      List<Weight> state = state(trainee);
      List<SafetensorsWriter.Entry> entries =
          state.stream()
              .map(
                  weight ->
                      new SafetensorsWriter.Entry(
                          weight.name(), WeightDtype.FLOAT32, weight.shape()))
              .toList();
      try (SafetensorsWriter writer =
          SafetensorsWriter.create(
              output.path().resolve(STATE), entries, SafetensorsWriter.METADATA)) {
        trainee
            .session()
            .forEachValue(state, (weight, values) -> writer.write(weight.name(), values));
        writer.commit();
      }
      ObjectNode trainerState = Json.object();
      trainerState.put("step", step);
      trainerState.put("run", run);
      progress
          .best()
          .ifPresent(
              best -> {
                trainerState.put(BEST_STEP, best.step());
                trainerState.put(BEST_EVAL_LOSS, best.evalLoss());
              });
      trainerState.put(WITHOUT_IMPROVEMENT, progress.withoutImprovement());
      if (lossScale.isDynamic()) {
        ObjectNode scale = trainerState.putObject(LOSS_SCALE);
        scale.put(SCALE, lossScale.state().scale());
        scale.put(GROWTH_TRACKER, lossScale.state().growthTracker());
        scale.put(SKIPPED_STEPS, lossScale.state().skipped());
      }
      Json.write(output.path().resolve(TRAINER_STATE), trainerState);
      output.commit();
    }
    deleteBeyondLimit(progress);
  }

  /**
   * Deletes the oldest checkpoints beyond the limit: a run that was killed may have left one more.
   */
  void deleteBeyondLimit(EvalProgress progress) throws IOException {
    NavigableSet<Long> steps = steps();
    for (Long old : steps.stream().limit(Math.max(0, steps.size() - limit)).toList()) {
      if (!keepBest || !progress.isBest(old)) {
        OutputDirectory.delete(path(old));
      }
    }
  }

  /** Deletes the checkpoints after {@code step}. */
  void deleteAfter(long step) throws IOException {
    for (Long later : steps().tailSet(step, false)) {
      OutputDirectory.delete(path(later));
    }
  }

  /** The newest checkpoint's step, if there is one. */
  OptionalLong latest() throws IOException {
    NavigableSet<Long> steps = steps();
    return steps.isEmpty() ? OptionalLong.empty() : OptionalLong.of(steps.last());
  }

  /** Whether there is the checkpoint of {@code step}. */
  boolean has(long step) throws IOException {
    return steps().contains(step);
  }

  /** The names of all, oldest first; {@code none} if there are none. */
  String names() throws IOException {
    return steps().isEmpty()
        ? "none"
        : steps().stream().map(step -> "checkpoint-" + step).collect(Collectors.joining(", "));
  }

  /**
   * Puts the state after {@code step} updates into {@code trainee}.
   *
   * @return the best evaluation up to that step
   * @throws FormatException if the checkpoint is of another run, or does not fit the variables
   */
  EvalProgress restore(long step, Trainee trainee) throws IOException {
    Path checkpoint = path(step);
    JsonFields fields =
        JsonFields.of(
            checkpoint.resolve(TRAINER_STATE), Json.readObject(checkpoint.resolve(TRAINER_STATE)));
    String saved = fields.requireString("run");
    EvalProgress progress = fields.build(() -> progress(fields));
    if (!saved.equals(run)) {
      throw new FormatException(
          checkpoint,
          "was made with another base, other options or data (%s), this run has (%s); resume with the same, or start in another folder",
          saved,
          run);
    }
    Map<String, float[]> values = new HashMap<>();
    List<String> problems = new ArrayList<>();
    try (SafetensorsFile file = SafetensorsFile.open(checkpoint.resolve(STATE))) {
      for (Weight weight : state(trainee)) {
        var tensor = file.tensors().get(weight.name());
        if (tensor == null || !tensor.shape().equals(weight.shape())) {
          problems.add(
              weight.name()
                  + ": "
                  + (tensor == null
                      ? "missing"
                      : "shape " + tensor.shape() + ", expected " + weight.shape()));
        } else {
          values.put(weight.name(), file.readFloats(weight.name()));
        }
      }
    }
    if (!problems.isEmpty()) {
      throw new FormatException(
          checkpoint, "does not fit the model:%n  %s", String.join("\n  ", problems));
    }
    trainee.session().assign(values);
    return progress;
  }

  /**
   * Puts the loss scale after {@code step} updates into {@code lossScale}, if it is dynamic.
   *
   * @throws FormatException if the checkpoint has none
   */
  void restore(long step, LossScale lossScale) throws IOException {
    if (!lossScale.isDynamic()) {
      return;
    }
    Path file = path(step).resolve(TRAINER_STATE);
    JsonFields fields = JsonFields.of(file, Json.readObject(file));
    JsonFields scale =
        fields
            .object(LOSS_SCALE)
            .orElseThrow(() -> new FormatException(file, "has no \"%s\"", LOSS_SCALE));
    lossScale.restore(
        scale.build(
            () ->
                new LossScale.State(
                    scale.requireDouble(SCALE),
                    scale.requireInt(GROWTH_TRACKER),
                    scale.requireInt(SKIPPED_STEPS))));
  }

  private static EvalProgress progress(JsonFields fields) {
    OptionalDouble loss = fields.optionalDouble(BEST_EVAL_LOSS);
    return new EvalProgress(
        loss.isPresent()
            ? Optional.of(
                new BestEvaluation((long) fields.requireDouble(BEST_STEP), loss.getAsDouble()))
            : Optional.empty(),
        fields.intOr(WITHOUT_IMPROVEMENT, 0));
  }

  private List<Weight> state(Trainee trainee) {
    List<Weight> state = new ArrayList<>(trainee.kept());
    trainee.variables().forEach(weight -> state.addAll(optimizer.state(weight)));
    return state;
  }

  private Path path(long step) {
    return directory.resolve("checkpoint-" + step);
  }

  private NavigableSet<Long> steps() throws IOException {
    NavigableSet<Long> steps = new TreeSet<>();
    if (!Files.isDirectory(directory)) {
      return steps;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        Matcher name = NAME.matcher(entry.getFileName().toString());
        if (name.matches()) {
          steps.add(Long.parseLong(name.group(1)));
        }
      }
    }
    return steps;
  }
}
