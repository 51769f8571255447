package org.llmadapters.training;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.training.report.RunReport;

/**
 * {@code summary.json}, written when a run ends:
 *
 * <pre>
 *   {"ending":"finished","steps":250,"loss":0.021,"eval_loss":0.034,"best_step":200,"best_eval_loss":0.031,
 *    "tokens_per_second":2100.0,"data_fraction":0.002,"trainable_parameters":74752,
 *    "total_parameters":944256,"skipped_steps":3,"peak_rss_mib":812}
 * </pre>
 *
 * without the three evaluation losses where nothing was set aside, without {@code skipped_steps}
 * where the loss scale is not dynamic, and without {@code peak_rss_mib} where the system does not
 * tell. Of a run that failed it is {@code {"ending":"failed","reason":"..."}}.
 *
 * @param tokensPerSecond real tokens, compiling included
 * @param trainableParameters number of trained values
 * @param totalParameters of the model with its adapter
 * @param peakMebibytes most memory that the run's process had resident
 */
public record RunSummary(
    double tokensPerSecond,
    long trainableParameters,
    long totalParameters,
    OptionalLong peakMebibytes) {
  static final String NAME = RunReport.SUMMARY;

  /** Writes the file of a run. */
  static void write(Path folder, TrainingRun.Summary summary) throws IOException {
    ObjectNode json = Json.object();
    json.put("ending", summary.ending().text());
    json.put("steps", summary.steps());
    json.put("loss", summary.loss());
    summary.evalLoss().ifPresent(loss -> json.put("eval_loss", loss));
    summary
        .best()
        .ifPresent(
            best -> {
              json.put("best_step", best.step());
              json.put("best_eval_loss", best.evalLoss());
            });
    json.put("tokens_per_second", summary.tokensPerSecond());
    json.put("data_fraction", summary.dataFraction());
    json.put("trainable_parameters", summary.trainableParameters());
    json.put("total_parameters", summary.totalParameters());
    summary.skippedSteps().ifPresent(skipped -> json.put("skipped_steps", skipped));
    PeakMemory.mebibytes().ifPresent(mebibytes -> json.put("peak_rss_mib", mebibytes));
    Json.write(folder.resolve(NAME), json);
  }

  /** Writes the file of a run that failed. */
  static void writeFailure(Path folder, String reason) throws IOException {
    ObjectNode json = Json.object();
    json.put("ending", "failed");
    json.put("reason", reason);
    Json.write(folder.resolve(NAME), json);
  }

  /** Reads the file of a finished run. */
  public static RunSummary read(Path folder) throws IOException {
    Path file = folder.resolve(NAME);
    JsonFields fields = JsonFields.of(file, Json.readObject(file));
    double tokensPerSecond = fields.requireDouble("tokens_per_second");
    long trainable = (long) fields.requireDouble("trainable_parameters");
    long total = (long) fields.requireDouble("total_parameters");
    OptionalLong peak =
        fields.has("peak_rss_mib")
            ? OptionalLong.of(fields.requireInt("peak_rss_mib"))
            : OptionalLong.empty();
    fields.throwIfAny();
    return new RunSummary(tokensPerSecond, trainable, total, peak);
  }
}
