package org.llmadapters.conversion.combine;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.combine.OpenLora.Size;

/** The configuration of a combined adapter, whose scaling is 1 at every module. */
final class CombinedConfig {
  private CombinedConfig() {}

  /**
   * The dropout of the first adapter, the modules of all, and {@code lora_alpha} = r everywhere.
   *
   * @param modules of the combined adapter
   */
  static LoraConfig of(List<LoraConfig> configs, SortedMap<String, Size> modules) {
    int r = (int) modules.values().stream().mapToLong(Size::r).max().orElseThrow();
    Map<String, Integer> ranks = ranksOtherThan(r, modules);
    Map<String, Double> alphas = new LinkedHashMap<>();
    ranks.forEach((key, rank) -> alphas.put(key, (double) rank));
    return new LoraConfig(
        r,
        r,
        false,
        configs.get(0).loraDropout(),
        targets(configs.stream().map(LoraConfig::targetModules).distinct().toList(), modules),
        new LoraPatterns(ranks, alphas),
        LoraVariant.PLAIN);
  }

  /**
   * What matches the modules of all adapters and no others: their names, or the paths of the
   * modules where some are chosen in another way.
   */
  private static TargetModules targets(
      List<TargetModules> targets, SortedMap<String, Size> modules) {
    if (targets.size() == 1) {
      return targets.get(0);
    }
    Set<String> names = new TreeSet<>();
    for (TargetModules target : targets) {
      if (!(target instanceof TargetModules.Names named)) {
        return new TargetModules.Names(List.copyOf(modules.keySet()));
      }
      names.addAll(named.names());
    }
    return new TargetModules.Names(List.copyOf(names));
  }

  /**
   * The rank pattern: one key for the modules with the same last name if they have the same rank,
   * else one for each. Paths are not escaped, since older versions of PEFT look them up as they
   * are.
   */
  private static Map<String, Integer> ranksOtherThan(int r, SortedMap<String, Size> modules) {
    Map<String, Set<Long>> byName = new HashMap<>();
    modules.forEach(
        (module, size) ->
            byName.computeIfAbsent(lastName(module), name -> new TreeSet<>()).add(size.r()));
    Map<String, Integer> ranks = new LinkedHashMap<>();
    modules.forEach(
        (module, size) -> {
          if (size.r() != r) {
            boolean same = byName.getOrDefault(lastName(module), Set.of()).size() == 1;
            ranks.put(same ? lastName(module) : module, (int) size.r());
          }
        });
    return ranks;
  }

  private static String lastName(String module) {
    return module.substring(module.lastIndexOf('.') + 1);
  }
}
