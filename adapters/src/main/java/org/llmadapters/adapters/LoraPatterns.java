package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Ranks and scales of single modules: PEFT's {@code rank_pattern} and {@code alpha_pattern}. A key
 * is a regular expression that matches a whole module path or its end after a dot; the first key
 * that matches wins, and a module that none matches has the adapter's own value.
 *
 * @param rank {@code rank_pattern}: {@code {"down_proj": 2}}
 * @param alpha {@code alpha_pattern}: {@code {"layers\\.0\\.mlp\\.up_proj": 11}}
 */
public record LoraPatterns(Map<String, Integer> rank, Map<String, Double> alpha) {

  /** The same rank and scale for all modules. */
  public static final LoraPatterns NONE = new LoraPatterns(Map.of(), Map.of());

  public LoraPatterns {
    rank = Collections.unmodifiableMap(new LinkedHashMap<>(rank));
    alpha = Collections.unmodifiableMap(new LinkedHashMap<>(alpha));
    List<String> problems = new ArrayList<>();
    rank.forEach(
        (key, r) -> {
          pattern("rank_pattern", key);
          LoraConfig.rankProblem("rank_pattern, " + key, r).ifPresent(problems::add);
        });
    alpha.forEach(
        (key, loraAlpha) -> {
          pattern("alpha_pattern", key);
          LoraConfig.alphaProblem("alpha_pattern, " + key, loraAlpha).ifPresent(problems::add);
        });
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }

  /** The rank that {@code module} has of its own. */
  Optional<Integer> rankOf(String module) {
    return first("rank_pattern", rank, module);
  }

  /** The {@code lora_alpha} that {@code module} has of its own. */
  Optional<Double> alphaOf(String module) {
    return first("alpha_pattern", alpha, module);
  }

  private static <T> Optional<T> first(String name, Map<String, T> values, String module) {
    return values.entrySet().stream()
        .filter(entry -> pattern(name, entry.getKey()).matcher(module).matches())
        .map(Map.Entry::getValue)
        .findFirst();
  }

  private static Pattern pattern(String name, String key) {
    try {
      return Pattern.compile("(.*\\.)?(" + key + ")");
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          name + ": \"" + key + "\" is not a regular expression: " + e.getDescription(), e);
    }
  }
}
