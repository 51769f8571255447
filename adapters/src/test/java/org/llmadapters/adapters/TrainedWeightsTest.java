package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.Splicer.Mode;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;

/** Weights of the model that are trained whole, with V=17, H=12, F=20. */
final class TrainedWeightsTest {

  private static BaseGraph base(Architecture family) {
    OptionalInt none = OptionalInt.empty();
    return Architecture.build(
        family
            .family()
            .config(
                new Sizes(17, 12, 20, 1, 64),
                new AttentionConfig(3, 3, 4),
                new TokenIds(none, List.of(), none)),
        WeightDtype.BFLOAT16);
  }

  private static LoraConfig config(TrainedBias bias, List<String> modulesToSave) {
    return new LoraConfig(
        2,
        4,
        false,
        0,
        new TargetModules.Regex(".*(q_proj|query_key_value)"),
        LoraPatterns.NONE,
        new LoraVariant(false, LoraInit.DEFAULT, bias, modulesToSave));
  }

  private static List<AdapterParameter> whole(
      BaseGraph base, TrainedBias bias, String... modulesToSave) {
    return Splicer.splice(
            base.graphDef(), config(bias, List.of(modulesToSave)), "default", Mode.TRAINING)
        .parameters()
        .stream()
        .filter(parameter -> !parameter.name().contains("lora_"))
        .toList();
  }

  @Test
  void startAsTheBasesAndKeepTheirNamesAndShapes() {
    BaseGraph base = base(Architecture.LLAMA);
    assertThat(whole(base, TrainedBias.NONE, "lm_head", "model.embed_tokens", "mlp"))
        .extracting(AdapterParameter::name)
        .containsExactlyInAnyOrder(
            "lm_head.weight",
            "model.embed_tokens.weight",
            "model.layers.0.mlp.gate_proj.weight",
            "model.layers.0.mlp.up_proj.weight",
            "model.layers.0.mlp.down_proj.weight");
    assertThat(whole(base, TrainedBias.NONE, "lm_head"))
        .containsExactly(
            new AdapterParameter(
                "lm_head.weight",
                List.of(17L, 12L),
                new Initializer.OfBase(
                    new Weight("lm_head.weight", WeightDtype.BFLOAT16, List.of(17L, 12L)))));
  }

  @Test
  void includeTheBiasOfAModuleOnce() {
    assertThat(whole(base(Architecture.GPT_J), TrainedBias.ALL, "lm_head", "ln_f"))
        .extracting(AdapterParameter::name)
        .doesNotHaveDuplicates()
        .contains("lm_head.weight", "lm_head.bias", "transformer.ln_f.weight")
        .doesNotContain("transformer.h.0.ln_1.weight")
        .contains("transformer.h.0.ln_1.bias");
  }

  @Test
  void replaceRowsWhenMerged() {
    BaseGraph base = base(Architecture.LLAMA);
    List<MergedWeight> merged =
        Adapters.merged(config(TrainedBias.NONE, List.of("norm", "lm_head")), base).stream()
            .filter(weight -> !weight.name().contains("q_proj"))
            .toList();
    assertThat(merged)
        .extracting(weight -> weight.name() + " " + weight.columns())
        .containsExactlyInAnyOrder("model.norm.weight 1", "lm_head.weight 12");
    float[] values = new float[17 * 12];
    values[5 * 12 + 3] = 4;
    float[] row = new float[12];
    row[0] = 9;
    merged.stream()
        .filter(weight -> weight.name().equals("lm_head.weight"))
        .forEach(weight -> weight.change().apply(List.of(values)).mergeRow(5, row));
    assertThat(row).containsExactly(0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  @Test
  void listAllModulesThatCannotBeTrainedWhole() {
    assertThatThrownBy(
            () ->
                whole(
                    base(Architecture.BLOOM),
                    TrainedBias.NONE,
                    "head",
                    "lm_head",
                    "word_embeddings",
                    "self_attention",
                    "ln_f"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            """
            modules_to_save does not fit the model:
              head: no module of the model has a path that ends so
              lm_head: lm_head reads transformer.word_embeddings.weight (tie_word_embeddings), and neither can be trained without the other
              word_embeddings: lm_head reads transformer.word_embeddings.weight (tie_word_embeddings), and neither can be trained without the other
              self_attention: transformer.h.0.self_attention.query_key_value is one of target_modules; it cannot be both
            List the modules with: llm-adapters inspect --model DIR""");
  }

  @Test
  void namesOfModulesAreNotBlank() {
    assertThatThrownBy(() -> config(TrainedBias.NONE, List.of("lm_head", " ")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("modules_to_save must be a list of module names, got [lm_head,  ]");
  }
}
