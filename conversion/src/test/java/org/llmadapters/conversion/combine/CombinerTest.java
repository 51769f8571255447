package org.llmadapters.conversion.combine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.llmadapters.conversion.combine.TinyLora.Q;
import static org.llmadapters.conversion.combine.TinyLora.UP;
import static org.llmadapters.conversion.combine.TinyLora.V;
import static org.llmadapters.conversion.combine.TinyLora.update;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;

/** What comes out, against plain loops over what goes in. */
final class CombinerTest {
  private static final double TOLERANCE = 1e-5;

  @TempDir Path directory;

  private Path math() throws IOException {
    return TinyLora.random(1, TinyLora.config(2, 6, "q_proj", "v_proj"), Q, V)
        .write(directory.resolve("math"));
  }

  private Path code() throws IOException {
    return TinyLora.random(2, TinyLora.config(2, 1, "up_proj", "q_proj"), Q, UP)
        .write(directory.resolve("code"));
  }

  /** Rank-stabilized, with ranks and scales of its own for two modules. */
  private Path wide() throws IOException {
    LoraConfig config =
        new LoraConfig(
            3,
            2,
            true,
            0,
            TargetModules.of("q_proj", "v_proj", "up_proj"),
            new LoraPatterns(Map.of("up_proj", 1), Map.of("v_proj", 5.0)),
            LoraVariant.PLAIN);
    return TinyLora.random(3, config, Q, V, UP).write(directory.resolve("wide"));
  }

  private Combiner.Report combine(CombinationConfig config, WeightedAdapter... adapters)
      throws IOException {
    return Combiner.combine(List.of(adapters), config, output(), true);
  }

  private Path output() {
    return directory.resolve("mixed");
  }

  private static CombinationConfig config(String type) {
    CombinationType parsed = CombinationType.of(type);
    boolean prunes = parsed.pruning() != CombinationType.Pruning.NONE;
    return config(type, prunes ? 0.5 : 1);
  }

  private static CombinationConfig config(String type, double density) {
    CombinationType parsed = CombinationType.of(type);
    boolean prunes = parsed.pruning() != CombinationType.Pruning.NONE;
    return new CombinationConfig(
        parsed,
        prunes ? Optional.of(density) : Optional.empty(),
        MajoritySign.TOTAL,
        Optional.empty(),
        42);
  }

  private static CombinationConfig withRank(CombinationConfig config, int rank) {
    return new CombinationConfig(
        config.type(), config.density(), config.majoritySign(), Optional.of(rank), config.seed());
  }

  private void assertUpdate(String module, double[] expected) throws IOException {
    double[] actual = update(output(), module);
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual[i]).as("%s, %d", module, i).isCloseTo(expected[i], within(TOLERANCE));
    }
  }

  private static double[] sum(
      double weight, Path first, double otherWeight, Path other, String module) throws IOException {
    double[] sum = update(first, module);
    double[] added = update(other, module);
    for (int i = 0; i < sum.length; i++) {
      sum[i] = weight * sum[i] + otherWeight * added[i];
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({
    "linear, 0.5",
    "linear, -2",
    "linear, 0",
    "cat, 0.5",
    "cat, -2",
    "svd, 0.5",
    "svd, -2"
  })
  void oneAdapterIsScaled(String type, double weight) throws IOException {
    Path wide = wide();
    assertThat(combine(config(type), new WeightedAdapter(wide, weight)).modules()).isEqualTo(3);
    for (String module : new String[] {Q, V, UP}) {
      assertUpdate(module, sum(weight, wide, 0, wide, module));
    }
  }

  /** Adapters of unequal ranks and modules, one of which is subtracted. */
  @Test
  void catAddsUpdatesExactly() throws IOException {
    Path math = math();
    Path wide = wide();
    Combiner.Report report =
        combine(config("cat"), new WeightedAdapter(math, 0.75), new WeightedAdapter(wide, -1.5));
    assertThat(report).isEqualTo(new Combiner.Report(3, new TreeSet<>(List.of(1L, 5L))));
    for (String module : new String[] {Q, V, UP}) {
      assertUpdate(module, sum(0.75, math, -1.5, wide, module));
    }
    float[] a = TinyLora.tensor(output(), V + ".lora_A.weight");
    float[] from = TinyLora.tensor(math, V + ".lora_A.weight");
    assertThat(a).hasSize(25);
    assertThat(a[0]).isEqualTo((float) (0.75 * 3 * from[0]));
    float[] b = TinyLora.tensor(output(), V + ".lora_B.weight");
    assertThat(b[5]).isEqualTo(TinyLora.tensor(math, V + ".lora_B.weight")[2]);
    assertThat(b[7]).isEqualTo(TinyLora.tensor(wide, V + ".lora_B.weight")[3]);
  }

  @ParameterizedTest
  @ValueSource(strings = {"svd", "dare_linear_svd", "magnitude_prune_svd"})
  void svdAddsUpdatesAtFullRank(String type) throws IOException {
    Path math = math();
    Path wide = wide();
    Combiner.Report report =
        combine(
            withRank(config(type, 1), 5),
            new WeightedAdapter(math, 0.75),
            new WeightedAdapter(wide, -1.5));
    assertThat(report).isEqualTo(new Combiner.Report(3, new TreeSet<>(List.of(5L))));
    for (String module : new String[] {Q, V, UP}) {
      assertUpdate(module, sum(0.75, math, -1.5, wide, module));
    }
  }

  /** The update is 3 * (2 u v^T + 1 x y^T) with orthonormal u, x and v, y. */
  @Test
  void svdKeepsTheLargestSingularValues() throws IOException {
    Path known =
        TinyLora.random(1, TinyLora.config(2, 6, "v_proj"), V)
            .with(V + ".lora_A.weight", new float[] {0, 1, 0, 0, 0, 0.6f, 0, 0, 0, 0.8f}, 2, 5)
            .with(V + ".lora_B.weight", new float[] {0, 0, 0, 2, 1, 0}, 3, 2)
            .write(directory.resolve("known"));
    combine(withRank(config("svd"), 1), new WeightedAdapter(known, 0.5));
    assertUpdate(V, new double[] {0, 0, 0, 0, 0, 1.8, 0, 0, 0, 2.4, 0, 0, 0, 0, 0});
    assertThat(TinyLora.tensor(output(), V + ".lora_A.weight")).hasSize(5);
  }

  @Test
  void svdHasTheLargestRankOfAll() throws IOException {
    Combiner.Report report =
        combine(config("svd"), new WeightedAdapter(math(), 1), new WeightedAdapter(wide(), 1));
    assertThat(report.ranks()).containsExactly(3L);
  }

  /** The roots of the weights, 0.5 * 3 and -2 * 0.5, of which A alone has the sign. */
  @Test
  void linearAddsTheFactorsWithTheRootsOfTheWeights() throws IOException {
    Path math = math();
    Path code = code();
    combine(config("linear"), new WeightedAdapter(math, 0.5), new WeightedAdapter(code, -2));
    for (String factor : new String[] {".lora_A.weight", ".lora_B.weight"}) {
      double sign = factor.equals(".lora_A.weight") ? -1 : 1;
      float[] actual = TinyLora.tensor(output(), Q + factor);
      float[] first = TinyLora.tensor(math, Q + factor);
      float[] second = TinyLora.tensor(code, Q + factor);
      for (int i = 0; i < actual.length; i++) {
        double expected = Math.sqrt(1.5) * first[i] + sign * Math.sqrt(1.0) * second[i];
        assertThat(actual[i]).as(factor).isCloseTo((float) expected, within((float) TOLERANCE));
      }
    }
    assertUpdate(V, sum(0.5, math, 0, math, V));
    assertUpdate(UP, sum(-2, code, 0, code, UP));
  }

  /** TIES by its definition: half of the elements, the sign of the sum, the mean of those. */
  private static double[] ties(List<double[]> arrays, double... weights) {
    int size = arrays.get(0).length;
    double[] merged = new double[size];
    List<double[]> kept = new ArrayList<>();
    for (double[] array : arrays) {
      double[] trimmed = new double[size];
      for (int i = 0; i < size; i++) {
        int larger = 0;
        for (double other : array) {
          larger += Math.abs(other) > Math.abs(array[i]) ? 1 : 0;
        }
        trimmed[i] = larger < size / 2 ? array[i] : 0;
      }
      kept.add(trimmed);
    }
    for (int i = 0; i < size; i++) {
      double total = 0;
      for (double[] array : kept) {
        total += array[i];
      }
      double sum = 0;
      int count = 0;
      for (int n = 0; n < arrays.size(); n++) {
        if (kept.get(n)[i] * total > 0) {
          sum += weights[n] * kept.get(n)[i];
          count++;
        }
      }
      merged[i] = count == 0 ? 0 : sum / count;
    }
    return merged;
  }

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  @Test
  void tiesMergesTheFactors() throws IOException {
    Path math = math();
    Path code = code();
    combine(config("ties"), new WeightedAdapter(math, 0.5), new WeightedAdapter(code, -2));
    for (String factor : new String[] {".lora_A.weight", ".lora_B.weight"}) {
      double sign = factor.equals(".lora_A.weight") ? -1 : 1;
      float[] actual = TinyLora.tensor(output(), Q + factor);
      double[] expected =
          ties(
              List.of(
                  doubles(TinyLora.tensor(math, Q + factor)),
                  doubles(TinyLora.tensor(code, Q + factor))),
              Math.sqrt(1.5),
              sign);
      for (int i = 0; i < actual.length; i++) {
        assertThat(actual[i]).as(factor).isCloseTo((float) expected[i], within((float) TOLERANCE));
      }
    }
  }

  @Test
  void tiesSvdMergesTheUpdates() throws IOException {
    Path math = math();
    Path wide = wide();
    combine(
        withRank(config("ties_svd"), 6),
        new WeightedAdapter(math, 0.5),
        new WeightedAdapter(wide, -2));
    assertUpdate(Q, ties(List.of(update(math, Q), update(wide, Q)), 0.5, -2));
    assertUpdate(V, ties(List.of(update(math, V), update(wide, V)), 0.5, -2));
    assertUpdate(UP, ties(List.of(update(wide, UP)), -2));
  }

  @ParameterizedTest
  @ValueSource(strings = {"dare_linear", "dare_ties", "dare_linear_svd", "dare_ties_svd"})
  void theSameSeedDropsTheSame(String type) throws IOException {
    WeightedAdapter math = new WeightedAdapter(math(), 1);
    WeightedAdapter code = new WeightedAdapter(code(), 1);
    CombinationConfig config = config(type);
    combine(config, math, code);
    byte[] first = tensors();
    combine(config, math, code);
    assertThat(tensors()).isEqualTo(first);
    combine(
        new CombinationConfig(
            config.type(), config.density(), config.majoritySign(), config.svdRank(), 43),
        math,
        code);
    assertThat(tensors()).isNotEqualTo(first);
  }

  private byte[] tensors() throws IOException {
    return Files.readAllBytes(output().resolve("adapter_model.safetensors"));
  }

  @Test
  void modulesOfTheSameSizeDropDifferentElements() throws IOException {
    String next = Q.replace("layers.0", "layers.1");
    float[] ones = new float[10];
    Arrays.fill(ones, 1);
    Path same =
        TinyLora.random(1, TinyLora.config(2, 6, "q_proj"), Q, next)
            .with(Q + ".lora_A.weight", ones, 2, 5)
            .with(next + ".lora_A.weight", ones, 2, 5)
            .write(directory.resolve("same"));
    combine(config("dare_linear"), new WeightedAdapter(same, 1));
    assertThat(TinyLora.tensor(output(), Q + ".lora_A.weight"))
        .isNotEqualTo(TinyLora.tensor(output(), next + ".lora_A.weight"));
  }

  /** What is dropped at a module does not depend on which others there are. */
  @Test
  void everyModuleHasItsOwnRandomNumbers() throws IOException {
    Path code = code();
    combine(config("dare_linear"), new WeightedAdapter(code, 1));
    float[] alone = TinyLora.tensor(output(), UP + ".lora_A.weight");
    combine(config("dare_linear"), new WeightedAdapter(code, 1), new WeightedAdapter(math(), 1));
    assertThat(TinyLora.tensor(output(), UP + ".lora_A.weight")).isEqualTo(alone);
    assertThat(alone).contains(0);
  }

  @Test
  void aCombinationCanBeCombined() throws IOException {
    Path math = math();
    Path wide = wide();
    combine(config("cat"), new WeightedAdapter(math, 1), new WeightedAdapter(wide, 2));
    Path again = directory.resolve("again");
    Combiner.combine(
        List.of(new WeightedAdapter(output(), 1), new WeightedAdapter(math, -1)),
        config("cat"),
        again,
        false);
    double[] expected = update(wide, Q);
    double[] actual = update(again, Q);
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual[i]).isCloseTo(2 * expected[i], within(TOLERANCE));
    }
  }
}
