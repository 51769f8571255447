package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llmadapters.adapters.Evaluation.assertClose;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.Splicer.Mode;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TInt32;

/** On a random LLaMA of two layers with V=17, H=12, N=3, K=1, D=4, F=20. */
final class SplicerTest {
  private static final int R = 7;
  private static final LoraConfig LORA =
      new LoraConfig(R, 14, 0, TargetModules.of("q_proj", "down_proj"));
  private static final int[][] IDS = {{3, 16, 0, 7, 7}, {11, 2, 9, 0, 0}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};

  private static final BaseGraph BASE = base();

  private static BaseGraph base() {
    OptionalInt none = OptionalInt.empty();
    return Architecture.build(
        Architecture.LLAMA
            .family()
            .config(
                new Sizes(17, 12, 20, 2, 64),
                new AttentionConfig(3, 1, 4),
                new TokenIds(none, List.of(), none)),
        WeightDtype.FLOAT32);
  }

  private static AdaptedGraph splice(AdapterConfig config, Mode mode) {
    return Splicer.splice(BASE.graphDef(), config, "default", mode);
  }

  private static Map<String, float[]> baseValues() {
    Random random = new Random(20240310);
    Map<String, float[]> values = new LinkedHashMap<>();
    for (Weight weight : BASE.weights()) {
      float[] value = Evaluation.random(random, (int) weight.elements());
      for (int i = 0; i < value.length; i++) {
        value[i] = (weight.shape().size() == 1 ? 1 : 0) + 0.5f * value[i];
      }
      values.put(weight.name(), value);
    }
    return values;
  }

  private static void putRandom(AdaptedGraph adapted, int seed, Map<String, float[]> values) {
    Random random = new Random(seed);
    for (Weight variable : adapted.variables()) {
      float[] value = Evaluation.random(random, (int) variable.elements());
      for (int i = 0; i < value.length; i++) {
        value[i] *= 0.2f;
      }
      values.put(variable.name(), value);
    }
  }

  private static float[] logits(GraphDef graph, Map<String, float[]> values) {
    return new Evaluation(graph, values)
        .feed("input_ids", TInt32.tensorOf(StdArrays.ndCopyOf(IDS)))
        .feed("attention_mask", TInt32.tensorOf(StdArrays.ndCopyOf(MASK)))
        .fetch("logits");
  }

  private static List<String> ops(GraphDef graph, String prefix) {
    return graph.getNodeList().stream()
        .filter(node -> node.getName().startsWith(prefix))
        .map(NodeDef::getOp)
        .sorted()
        .toList();
  }

  @Test
  void declaresExactlyTheParametersOfItsTargets() {
    AdaptedGraph adapted = splice(LORA, Mode.TRAINING);
    assertThat(adapted.modules())
        .containsExactly(
            "model.layers.0.self_attn.q_proj",
            "model.layers.0.mlp.down_proj",
            "model.layers.1.self_attn.q_proj",
            "model.layers.1.mlp.down_proj");
    assertThat(adapted.variables())
        .extracting(weight -> weight.name() + " " + weight.dtype() + " " + weight.shape())
        .containsExactly(
            "adapters.default.model.layers.0.self_attn.q_proj.lora_A.weight FLOAT32 [7, 12]",
            "adapters.default.model.layers.0.self_attn.q_proj.lora_B.weight FLOAT32 [12, 7]",
            "adapters.default.model.layers.0.mlp.down_proj.lora_A.weight FLOAT32 [7, 20]",
            "adapters.default.model.layers.0.mlp.down_proj.lora_B.weight FLOAT32 [12, 7]",
            "adapters.default.model.layers.1.self_attn.q_proj.lora_A.weight FLOAT32 [7, 12]",
            "adapters.default.model.layers.1.self_attn.q_proj.lora_B.weight FLOAT32 [12, 7]",
            "adapters.default.model.layers.1.mlp.down_proj.lora_A.weight FLOAT32 [7, 20]",
            "adapters.default.model.layers.1.mlp.down_proj.lora_B.weight FLOAT32 [12, 7]");
    assertThat(adapted.trainableElements()).isEqualTo(2 * (R * (12 + 12) + R * (20 + 12)));
  }

  @Test
  void addsTheSameOperationsToTheFullAndToTheDecodeGraph() {
    AdaptedGraph adapted = splice(LORA, Mode.INFERENCE);
    int perSite = 0;
    for (String module : adapted.modules()) {
      String node = module.replace('.', '/') + "/";
      List<String> decode = ops(adapted.graphDef(), "adapters/default/decode/" + node);
      List<String> full = ops(adapted.graphDef(), "adapters/default/" + node);
      assertThat(decode).filteredOn(op -> op.equals("BatchMatMulV2")).hasSize(2);
      perSite = decode.size();
      // The variables, two nodes for A and two for B, lie beside the operations of the full graph.
      assertThat(full).hasSize(perSite + 4);
    }
    assertThat(adapted.graphDef().getNodeCount())
        .isEqualTo(BASE.graphDef().getNodeCount() + 2 * 4 * perSite + 2 * 8);
  }

  @Test
  void bothGraphsReadTheSameParameters() {
    GraphDef graph = splice(LORA, Mode.INFERENCE).graphDef();
    String read = "adapters/default/model/layers/1/self_attn/q_proj/lora_A/weight/Read";
    assertThat(graph.getNodeList())
        .filteredOn(node -> node.getInputList().contains(read))
        .extracting(node -> node.getName().startsWith("adapters/default/decode/"))
        .containsExactlyInAnyOrder(true, false);
  }

  @Test
  void leavesOtherModulesAlone() {
    GraphDef graph = splice(LORA, Mode.INFERENCE).graphDef();
    Map<String, NodeDef> before = new LinkedHashMap<>();
    BASE.graphDef().getNodeList().forEach(node -> before.put(node.getName(), node));
    List<String> changed =
        graph.getNodeList().stream()
            .filter(node -> before.containsKey(node.getName()))
            .filter(node -> !node.equals(before.get(node.getName())))
            .map(NodeDef::getName)
            .toList();
    // One reader of each target: four in the full and four in the decode graph.
    assertThat(changed).hasSize(8).noneMatch(name -> name.contains("k_proj"));
    assertThat(graph.getNodeCount())
        .isEqualTo(BASE.graphDef().getNodeCount() + ops(graph, "adapters/").size());
  }

  /** Without any tolerance: B = 0 adds 0 to every output. */
  @Test
  void zeroBLeavesTheLogitsBitForBit() {
    AdaptedGraph adapted = splice(LORA, Mode.INFERENCE);
    Map<String, float[]> values = baseValues();
    float[] before = logits(BASE.graphDef(), values);
    putRandom(adapted, 1, values);
    for (Weight variable : adapted.variables()) {
      if (variable.name().endsWith("lora_B.weight")) {
        values.put(variable.name(), new float[(int) variable.elements()]);
      }
    }
    assertThat(logits(adapted.graphDef(), values)).isEqualTo(before);
  }

  @Test
  void theAdapterEqualsItsMergedWeights() {
    AdaptedGraph adapted = splice(LORA, Mode.INFERENCE);
    Map<String, float[]> values = baseValues();
    float[] base = logits(BASE.graphDef(), values);
    putRandom(adapted, 1, values);
    float[] unmerged = logits(adapted.graphDef(), values);
    float[] merged = logits(BASE.graphDef(), merged(adapted, values));
    assertThat(unmerged).isNotEqualTo(base);
    assertClose(unmerged, doubles(merged), 1e-5);
  }

  @Test
  void splicingTwiceUnderTwoNamesComposes() {
    LoraConfig other = new LoraConfig(2, 3, 0, TargetModules.of("q_proj", "lm_head"));
    AdaptedGraph first = splice(LORA, Mode.INFERENCE);
    AdaptedGraph second = Splicer.splice(first.graphDef(), other, "second", Mode.INFERENCE);
    Map<String, float[]> values = baseValues();
    putRandom(first, 1, values);
    putRandom(second, 2, values);
    float[] both = logits(second.graphDef(), values);
    assertClose(
        both, doubles(logits(BASE.graphDef(), merged(second, merged(first, values)))), 1e-5);
  }

  @Test
  void splicingTwiceUnderOneNameIsRefused() {
    AdaptedGraph first = splice(LORA, Mode.INFERENCE);
    assertThatThrownBy(() -> Splicer.splice(first.graphDef(), LORA, "default", Mode.INFERENCE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the graph has an adapter called \"default\" already; give it another name");
  }

  private static Map<String, float[]> merged(AdaptedGraph adapted, Map<String, float[]> values) {
    Map<String, float[]> merged = new LinkedHashMap<>(values);
    for (MergedWeight weight : Adapters.merged(adapted.config(), BASE)) {
      List<float[]> parameters =
          weight.parameters().stream()
              .map(name -> required(values, "adapters." + adapted.name() + "." + name))
              .toList();
      float[] whole = required(values, weight.name()).clone();
      int columns = (int) weight.columns();
      for (int row = 0; row < whole.length / columns; row++) {
        float[] changed = Arrays.copyOfRange(whole, row * columns, (row + 1) * columns);
        weight.change().apply(parameters).mergeRow(row, changed);
        System.arraycopy(changed, 0, whole, row * columns, columns);
      }
      merged.put(weight.name(), whole);
    }
    return merged;
  }

  private static float[] required(Map<String, float[]> values, String name) {
    return Objects.requireNonNull(values.get(name), name);
  }

  private static double[] doubles(float[] values) {
    double[] wide = new double[values.length];
    Arrays.setAll(wide, i -> values[i]);
    return wide;
  }

  @Test
  void takesARegularExpression() {
    LoraConfig config =
        new LoraConfig(2, 2, 0, new TargetModules.Regex("model\\.layers\\.1\\.mlp\\..*_proj"));
    assertThat(splice(config, Mode.INFERENCE).modules())
        .containsExactly(
            "model.layers.1.mlp.gate_proj",
            "model.layers.1.mlp.up_proj",
            "model.layers.1.mlp.down_proj");
  }

  @Test
  void rejectsEveryTargetThatMatchesNothing() {
    LoraConfig config =
        new LoraConfig(2, 2, 0, TargetModules.of("q_proj", "query_key_value", "c_attn"));
    assertThatThrownBy(() -> splice(config, Mode.INFERENCE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "target_modules: nothing in the model matches query_key_value, c_attn; its modules are"
                + " down_proj, embed_tokens, gate_proj, k_proj, lm_head, o_proj, q_proj, up_proj,"
                + " v_proj. List them with: llm-adapters inspect --model DIR");
  }

  @Test
  void rejectsARegularExpressionThatMatchesNothing() {
    LoraConfig config = new LoraConfig(2, 2, 0, new TargetModules.Regex("layers\\.0\\.q_proj"));
    assertThatThrownBy(() -> splice(config, Mode.INFERENCE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "target_modules: nothing in the model matches layers\\.0\\.q_proj; its modules are");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1", "_a", "a/b", "a.b", "a b", "ä"})
  void rejectsNamesThatAreNoNodeNames(String name) {
    assertThatThrownBy(() -> Splicer.splice(BASE.graphDef(), LORA, name, Mode.INFERENCE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "an adapter's name is a letter followed by letters, digits or _, got \"" + name + "\"");
  }

  @Test
  void dropoutNeedsASeedWhileTrainingOnly() {
    LoraConfig dropout = new LoraConfig(2, 2, 0.1, TargetModules.of("q_proj"));
    LoraConfig none = new LoraConfig(2, 2, 0, TargetModules.of("q_proj"));
    AdaptedGraph training = splice(dropout, Mode.TRAINING);
    assertThat(training.dropoutSeed()).isEqualTo("adapters/default/dropout_seed");
    assertThat(ops(training.graphDef(), training.dropoutSeed())).containsExactly("Placeholder");
    assertThat(ops(training.graphDef(), "adapters/"))
        .filteredOn(op -> op.contains("Random"))
        .hasSize(2 * 2);
    for (AdaptedGraph without :
        List.of(splice(dropout, Mode.INFERENCE), splice(none, Mode.TRAINING))) {
      assertThat(ops(without.graphDef(), ""))
          .noneMatch(op -> op.contains("Random") || op.contains("Dropout"));
      assertThat(ops(without.graphDef(), without.dropoutSeed())).isEmpty();
    }
  }
}
