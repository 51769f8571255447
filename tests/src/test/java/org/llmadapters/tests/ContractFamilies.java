package org.llmadapters.tests;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;

/** A tiny model of every family, for the contract of adapters. */
final class ContractFamilies {
  private static final TokenIds TOKEN_IDS =
      new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0));

  /** V=17, H=12, F=20, L=2, N=3, D=4; K=1 or windows where the family has them. */
  static final Map<Architecture, ModelConfig> FAMILIES = new EnumMap<>(Architecture.class);

  static {
    AttentionConfig grouped = new AttentionConfig(3, 1, 4);
    AttentionConfig windowed = new AttentionConfig(3, 1, 4, List.of(3, 3));
    AttentionConfig alternating = new AttentionConfig(3, 3, 4, List.of(0, 3));
    AttentionConfig plain = new AttentionConfig(3, 3, 4);
    Map<Architecture, AttentionConfig> attentions =
        Map.ofEntries(
            Map.entry(Architecture.LLAMA, grouped),
            Map.entry(Architecture.MISTRAL, windowed),
            Map.entry(Architecture.QWEN2, grouped),
            Map.entry(Architecture.QWEN3, grouped),
            Map.entry(Architecture.GEMMA, grouped),
            Map.entry(Architecture.BLOOM, plain),
            Map.entry(Architecture.OPT, plain),
            Map.entry(Architecture.GPT_J, plain),
            Map.entry(Architecture.GPT_NEOX, new AttentionConfig(3, 3, 8)),
            Map.entry(Architecture.GPT_NEO, alternating),
            Map.entry(Architecture.GPT_2, plain));
    attentions.forEach(
        (family, attention) ->
            FAMILIES.put(
                family,
                family
                    .family()
                    .config(
                        new Sizes(17, attention.headDim() * 3, 20, 2, 64), attention, TOKEN_IDS)));
  }

  /** The path of a block, the projection to queries in it, and the last one of its MLP. */
  static final Map<Architecture, List<String>> MODULES =
      Map.ofEntries(
          Map.entry(
              Architecture.LLAMA, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.MISTRAL, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.QWEN2, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.QWEN3, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.GEMMA, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.BLOOM,
              List.of("transformer.h.", "self_attention.query_key_value", "mlp.dense_4h_to_h")),
          Map.entry(Architecture.OPT, List.of("model.decoder.layers.", "self_attn.q_proj", "fc2")),
          Map.entry(Architecture.GPT_J, List.of("transformer.h.", "attn.q_proj", "mlp.fc_out")),
          Map.entry(
              Architecture.GPT_NEOX,
              List.of("gpt_neox.layers.", "attention.query_key_value", "mlp.dense_4h_to_h")),
          Map.entry(
              Architecture.GPT_NEO,
              List.of("transformer.h.", "attn.attention.q_proj", "mlp.c_proj")),
          Map.entry(Architecture.GPT_2, List.of("transformer.h.", "attn.c_attn", "mlp.c_proj")));

  private ContractFamilies() {}

  static ModelConfig config(Architecture family) {
    return Objects.requireNonNull(FAMILIES.get(family), "no entry for " + family);
  }

  static boolean isFused(ModelConfig config) {
    return Set.of("bloom", "gpt_neox", "gpt2").contains(config.modelType());
  }

  static List<String> modules(Architecture family) {
    return Objects.requireNonNull(MODULES.get(family), "no entry for " + family);
  }

  static List<String> attentionAndMlp(Architecture family) {
    return modules(family).subList(1, 3);
  }

  /** The first projection of an MLP, and the last. */
  static List<String> mlp(Architecture family) {
    String last = modules(family).get(2);
    String path = last.substring(0, last.lastIndexOf('.') + 1);
    return List.of(path + family.spec().names().mlp().up(), last);
  }

  /** Whole paths: GPT-2 calls two modules c_proj. */
  static TargetModules targets(Architecture family, List<String> modules) {
    String block = modules(family).get(0).replace(".", "\\.") + "[01]\\.";
    return new TargetModules.Regex(block + "(" + String.join("|", modules) + ")");
  }
}
