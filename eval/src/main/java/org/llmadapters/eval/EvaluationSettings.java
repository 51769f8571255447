package org.llmadapters.eval;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.task.ChoiceForm;
import org.llmadapters.graph.compile.SamplingConfig;

/**
 * All that the predictions of an evaluation depend on, and nothing else: not the batch size, and
 * files by their content.
 *
 * <pre>
 *   {"model": {"path": "base", "sha256": "9f2a..."},
 *    "template": "alpaca", "max_new_tokens": 256, "limit": 0,
 *    "num_beams": 1, "length_penalty": 1.0, "early_stopping": "false",
 *    "do_sample": false, "temperature": 1.0, "top_k": 50, "top_p": 1.0,
 *    "repetition_penalty": 1.0, "seed": 0, "stop_strings": [],
 *    "adapters": {"base": {"path": "", "sha256": "e3b0..."},
 *                 "lora": {"path": "run", "sha256": "51cc..."}},
 *    "tasks": {"gsm8k": {"path": "data/gsm8k/test.json", "sha256": "2cc6..."}}}
 * </pre>
 *
 * with {@code "scoring": "loglikelihood"} and {@code "choices": "answer"} in place of what is about
 * generation, where choices are scored. {@code "truncate": true} is there if it was asked for.
 */
final class EvaluationSettings {
  private EvaluationSettings() {}

  /**
   * The settings of an evaluation that compares choices, as JSON.
   *
   * @param form what a choice's text is
   * @param limit items of each task, 0 for all
   * @throws org.llmadapters.graph.FormatException if an adapter's directory has no adapter in it
   */
  static ObjectNode of(
      BaseModel base,
      PromptTemplate template,
      ChoiceForm form,
      int limit,
      List<AdapterStack> stacks,
      List<TaskData> tasks)
      throws IOException {
    ObjectNode json = of(base, template);
    json.put("scoring", "loglikelihood");
    json.put("choices", form.cliName());
    json.put("limit", limit);
    put(json, stacks, tasks);
    return json;
  }

  /**
   * The settings of an evaluation that generates, as JSON.
   *
   * @param limit items of each task, 0 for all
   * @throws org.llmadapters.graph.FormatException if an adapter's directory has no adapter in it
   */
  static ObjectNode of(
      BaseModel base,
      PromptTemplate template,
      GenerationConfig generation,
      int limit,
      List<AdapterStack> stacks,
      List<TaskData> tasks)
      throws IOException {
    ObjectNode json = of(base, template);
    json.put("max_new_tokens", generation.maxNewTokens());
    json.put("limit", limit);
    json.put("num_beams", generation.beams().numBeams());
    json.put("length_penalty", generation.beams().lengthPenalty());
    json.put("early_stopping", generation.beams().earlyStopping().name().toLowerCase(Locale.ROOT));
    SamplingConfig sampling = generation.sampling();
    json.put("do_sample", sampling.doSample());
    json.put("temperature", sampling.temperature());
    json.put("top_k", sampling.topK());
    json.put("top_p", sampling.topP());
    json.put("repetition_penalty", sampling.repetitionPenalty());
    json.put("seed", generation.seed());
    generation.stop().texts().forEach(json.putArray("stop_strings")::add);
    put(json, stacks, tasks);
    return json;
  }

  /** What every evaluation depends on: the model, and what makes its prompts. */
  private static ObjectNode of(BaseModel base, PromptTemplate template) throws IOException {
    ObjectNode json = Json.object();
    put(json.putObject("model"), List.of(base.directory()), Fingerprint.ofModel(base));
    if (PromptTemplate.BUILT_IN.contains(template)) {
      json.put("template", template.templateName());
    } else {
      ObjectNode file = json.putObject("template");
      file.put("path", template.templateName());
      file.put("prompt_input", template.promptInput());
      file.put("prompt_no_input", template.promptNoInput());
    }
    return json;
  }

  private static void put(ObjectNode json, List<AdapterStack> stacks, List<TaskData> tasks)
      throws IOException {
    ObjectNode adapters = json.putObject("adapters");
    for (AdapterStack stack : stacks) {
      put(
          adapters.putObject(stack.name()),
          stack.directories(),
          Fingerprint.ofAdapters(stack.directories()));
    }
    ObjectNode files = json.putObject("tasks");
    for (TaskData task : tasks) {
      put(
          files.putObject(task.task().name()),
          List.of(task.file()),
          Fingerprint.of(List.of(task.file())));
    }
  }

  private static void put(ObjectNode json, List<Path> paths, String sha256) {
    json.put("path", String.join(",", paths.stream().map(Path::toString).toList()));
    json.put("sha256", sha256);
  }
}
