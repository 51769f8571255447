package org.llmadapters.training.command;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.llmadapters.conversion.files.NearestName;
import org.llmadapters.graph.arch.Architecture;

/**
 * The settings that LLM-Adapters published for one adapter and one kind of tasks, as options of
 * {@code train} without the dashes.
 *
 * <p>Left out is what has no influence on the result ({@code load_8bit}, gradient checkpointing),
 * and what they left to chance: they shuffled without a seed. Their series adapters of LLaMA sit at
 * {@code down_proj}: the command they published names other modules, but writes to a folder called
 * "attn", and the scores are those of a run called "mlp".
 *
 * <p>Source: LLM-Adapters, {@code math_running_commands} at 3ada7f3, the defaults of {@code
 * finetune.py}; for commonsense its issues 38 and 45.
 *
 * @param name {@code math-lora}
 * @param data the file of LLM-Adapters it was trained on; {@code --data} is up to the user
 * @param options for all families
 * @param families what is different by family; where it is not empty, nothing was published for
 *     others
 */
record Recipe(
    String name,
    String data,
    Map<String, String> options,
    Map<Architecture, Map<String, String>> families) {
  private static final String MATH = "math_10k";
  private static final String COMMONSENSE = "commonsense_170k";
  private static final String TARGETS = "target-modules";
  private static final String VALIDATION = "val-set-size";

  private static final Map<String, String> ALL =
      options(
          Map.of(),
          "template=llm-adapters-train",
          "train-on-inputs=true",
          "cutoff-len=256",
          "batch-size=16",
          "micro-batch-size=4",
          "num-epochs=3",
          "optimizer=adamw",
          "learning-rate=3e-4",
          "lr-scheduler=linear",
          "warmup-steps=100",
          "weight-decay=0",
          "max-grad-norm=1",
          "val-set-size=0",
          "eval-steps=80",
          "save-steps=80",
          "save-total-limit=3");

  private static final Map<String, String> LORA =
      options(ALL, "adapter=lora", "r=32", "lora-alpha=64", "lora-dropout=0.05");

  private static final Map<String, String> SERIES =
      options(
          ALL,
          "adapter=series",
          "bottleneck-size=256",
          "non-linearity=tanh",
          "adapter-dropout=0",
          "scaling=1");

  private static final Map<String, String> PARALLEL = options(SERIES, "adapter=parallel");

  private static final Map<Architecture, Map<String, String>> LORA_TARGETS =
      Map.of(
          Architecture.LLAMA,
          Map.of(TARGETS, "q_proj,k_proj,v_proj,up_proj,down_proj"),
          Architecture.BLOOM,
          Map.of(TARGETS, "query_key_value,dense_4h_to_h,dense_h_to_4h"),
          Architecture.GPT_J,
          Map.of(TARGETS, "q_proj,k_proj,v_proj,fc_in,fc_out"));

  private static final Map<Architecture, Map<String, String>> SERIES_TARGETS =
      Map.of(
          Architecture.LLAMA,
          Map.of(TARGETS, "down_proj"),
          Architecture.BLOOM,
          Map.of(TARGETS, "dense_4h_to_h"),
          Architecture.GPT_J,
          Map.of(TARGETS, "fc_out"));

  private static final Map<Architecture, Map<String, String>> PARALLEL_TARGETS =
      Map.of(
          Architecture.LLAMA,
          Map.of(TARGETS, "up_proj,down_proj"),
          Architecture.BLOOM,
          Map.of(TARGETS, "dense_4h_to_h,dense_h_to_4h"),
          Architecture.GPT_J,
          Map.of(TARGETS, "fc_in,fc_out"));

  /** All recipes. */
  static final List<Recipe> RECIPES =
      List.of(
          new Recipe("math-lora", MATH, LORA, LORA_TARGETS),
          new Recipe("math-series", MATH, SERIES, validatedOnLlama(SERIES_TARGETS)),
          new Recipe("math-parallel", MATH, PARALLEL, PARALLEL_TARGETS),
          new Recipe(
              "math-prefix",
              MATH,
              options(
                  ALL,
                  "adapter=prefix",
                  "num-virtual-tokens=10",
                  "batch-size=8",
                  "num-epochs=5",
                  "learning-rate=3e-2",
                  "val-set-size=120",
                  "eval-steps=10",
                  "save-steps=10"),
              Map.of()),
          new Recipe(
              "commonsense-lora", COMMONSENSE, options(LORA, "val-set-size=120"), LORA_TARGETS),
          new Recipe(
              "commonsense-series",
              COMMONSENSE,
              options(SERIES, "val-set-size=120"),
              SERIES_TARGETS),
          new Recipe(
              "commonsense-parallel",
              COMMONSENSE,
              options(PARALLEL, "val-set-size=120"),
              PARALLEL_TARGETS));

  Recipe {
    options = Collections.unmodifiableMap(new LinkedHashMap<>(options));
    families = Map.copyOf(families);
  }

  /**
   * The recipe called {@code name}.
   *
   * @throws IllegalArgumentException if there is none, naming all
   */
  static Recipe of(String name) {
    return RECIPES.stream()
        .filter(recipe -> recipe.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "--recipe: there is no \""
                        + name
                        + "\""
                        + NearestName.of(name, names())
                            .map(nearest -> "; did you mean " + nearest)
                            .orElse("")
                        + "; recipes: "
                        + String.join(", ", names())
                        + "; see them with: llm-adapters train --recipe list"));
  }

  private static List<String> names() {
    return RECIPES.stream().map(Recipe::name).toList();
  }

  /** The value of {@code --adapter}. */
  String adapter() {
    return options.getOrDefault("adapter", "");
  }

  /** All options for a base of {@code family}, if settings for it were published. */
  Optional<Map<String, String>> optionsFor(Architecture family) {
    if (families.isEmpty()) {
      return Optional.of(options);
    }
    return Optional.ofNullable(families.get(family))
        .map(
            special -> {
              Map<String, String> all = new LinkedHashMap<>(options);
              all.putAll(special);
              return all;
            });
  }

  /** The families for which settings were published: {@code bloom, gptj, llama}. */
  String familyNames() {
    return families.keySet().stream()
        .map(Architecture::modelType)
        .sorted()
        .collect(Collectors.joining(", "));
  }

  /** All recipes for people to read. */
  static String table() {
    StringBuilder text = new StringBuilder("All recipes:\n ").append(flags(ALL)).append('\n');
    for (Recipe recipe : RECIPES) {
      Map<String, String> own = new LinkedHashMap<>(recipe.options);
      own.entrySet().removeAll(ALL.entrySet());
      text.append('\n').append(recipe.name).append(", on ").append(recipe.data).append(":\n ");
      text.append(flags(own)).append('\n');
      recipe.families.entrySet().stream()
          .map(family -> "  " + family.getKey().modelType() + ":" + flags(family.getValue()) + "\n")
          .sorted()
          .forEach(text::append);
    }
    return text.toString();
  }

  private static String flags(Map<String, String> options) {
    return options.entrySet().stream()
        .map(
            option ->
                " --"
                    + option.getKey()
                    + (option.getValue().equals("true") ? "" : " " + option.getValue()))
        .collect(Collectors.joining());
  }

  private static Map<String, String> options(Map<String, String> base, String... entries) {
    Map<String, String> options = new LinkedHashMap<>(base);
    for (String entry : entries) {
      int equals = entry.indexOf('=');
      options.put(entry.substring(0, equals), entry.substring(equals + 1));
    }
    return options;
  }

  private static Map<Architecture, Map<String, String>> validatedOnLlama(
      Map<Architecture, Map<String, String>> targets) {
    Map<Architecture, Map<String, String>> families = new LinkedHashMap<>(targets);
    families.computeIfPresent(
        Architecture.LLAMA,
        (family, options) -> {
          Map<String, String> more = new LinkedHashMap<>(options);
          more.put(VALIDATION, "120");
          return more;
        });
    return families;
  }
}
