package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.MergeConfig;
import org.llmadapters.conversion.Merger;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.compile.BeamConfig;

/** Several adapters on one base. */
final class AdapterSwitchingTest {
  private static final List<int[]> PROMPTS =
      List.of(new int[] {1, 3}, new int[] {1, 4, 0, 5}, new int[] {1, 5, 8, 7, 3});
  private static final int[][] IDS = {{1, 3, 0, 5, 8}, {1, 4, 4, 6, 7}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}};

  /** Sums run in another order. */
  private static final double ROUNDING = 2e-6;

  @TempDir private static Path shared;
  private static Path model = Path.of("");
  private static Path first = Path.of("");
  private static Path second = Path.of("");
  private static Path series = Path.of("");

  @BeforeAll
  static void makeModels() throws IOException {
    model = NumberModel.write(shared);
    BaseModel base = BaseModel.open(model);
    first = AdapterFiles.random(shared.resolve("first"), base, AdapterFiles.lora(2, 4), 1);
    second = AdapterFiles.random(shared.resolve("second"), base, AdapterFiles.lora(3, 3), 2);
    series = AdapterFiles.random(shared.resolve("series"), base, AdapterFiles.series(), 3);
  }

  private static List<List<Integer>> greedy(Generator generator) {
    return answers(generator, new GenerationConfig(6, 2));
  }

  private static List<List<Integer>> answers(Generator generator, GenerationConfig config) {
    return generator.generate(PROMPTS, config, finished -> {}).stream()
        .map(tokens -> Arrays.stream(tokens).boxed().toList())
        .toList();
  }

  private static List<List<Integer>> alone(Optional<Path> adapter, Compile compile)
      throws IOException {
    try (Generator generator = Generator.open(BaseModel.open(model), adapter, compile)) {
      return greedy(generator);
    }
  }

  private static AdapterStack stack(String name, Path... directories) {
    return new AdapterStack(name, List.of(directories));
  }

  private static float[][][] logits(Path base, Path... directories) throws IOException {
    List<AdapterStack> only = List.of(stack("only", directories));
    try (Generator generator = Generator.open(BaseModel.open(base), only, Compile.OFF)) {
      return generator.logits(IDS, MASK);
    }
  }

  /** The largest difference, of the largest value. */
  private static double difference(float[][][] some, float[][][] others) {
    double difference = 0;
    double largest = 0;
    for (int row = 0; row < some.length; row++) {
      for (int t = 0; t < some[row].length; t++) {
        for (int id = 0; id < some[row][t].length; id++) {
          difference = Math.max(difference, Math.abs(some[row][t][id] - others[row][t][id]));
          largest = Math.max(largest, Math.abs(others[row][t][id]));
        }
      }
    }
    return difference / largest;
  }

  @ParameterizedTest
  @EnumSource(
      value = Compile.class,
      names = {"ON", "OFF"})
  void answersAsIfEachAdapterHadBeenLoadedAlone(Compile compile) throws IOException {
    List<List<Integer>> base = alone(Optional.empty(), compile);
    List<List<Integer>> one = alone(Optional.of(first), compile);
    List<List<Integer>> other = alone(Optional.of(second), compile);
    assertThat(base).isNotEqualTo(one).isNotEqualTo(other);
    assertThat(one).isNotEqualTo(other);
    List<AdapterStack> stacks =
        List.of(AdapterStack.BASE, stack("one", first), stack("other", second));
    try (Generator generator = Generator.open(BaseModel.open(model), stacks, compile)) {
      assertThat(greedy(generator)).as("before any use").isEqualTo(base);
      generator.use("one");
      assertThat(greedy(generator)).isEqualTo(one);
      generator.use("other");
      assertThat(greedy(generator)).isEqualTo(other);
      generator.use("base");
      assertThat(greedy(generator)).isEqualTo(base);
      generator.use("one");
      assertThat(greedy(generator)).isEqualTo(one);
    }
  }

  @Test
  void beamsAndLogitsAreThoseOfTheAdapterInUse() throws IOException {
    GenerationConfig beams =
        new GenerationConfig(4, 3, new BeamConfig(3, 1, BeamConfig.EarlyStopping.FALSE));
    List<AdapterStack> stacks = List.of(stack("one", first), AdapterStack.BASE);
    List<List<Integer>> expected;
    try (Generator alone = Generator.open(BaseModel.open(model), Optional.of(first), Compile.OFF)) {
      expected = answers(alone, beams);
    }
    try (Generator generator = Generator.open(BaseModel.open(model), stacks, Compile.OFF)) {
      assertThat(answers(generator, beams)).isEqualTo(expected);
      assertThat(generator.logits(IDS, MASK)).isDeepEqualTo(logits(model, first));
      generator.use("base");
      assertThat(answers(generator, beams)).isNotEqualTo(expected);
      assertThat(generator.logits(IDS, MASK)).isDeepEqualTo(logits(model));
    }
  }

  @Test
  void stackedLorasAddUp() throws IOException {
    // Ranks 2 and 3 as one of rank 5 and scale 1: the first's scale, 4 / 2, goes into its B.
    Path sum =
        AdapterFiles.write(
            shared.resolve("sum"),
            BaseModel.open(model),
            AdapterFiles.lora(5, 5),
            AdapterSwitchingTest::joined);
    float[][][] expected = logits(model, sum);
    assertThat(difference(logits(model, first, second), expected)).isLessThan(ROUNDING);
    assertThat(difference(logits(model, second, first), expected)).isLessThan(ROUNDING);
    assertThat(difference(logits(model, first), expected)).isGreaterThan(0.01);
    assertThat(difference(logits(model, second), expected)).isGreaterThan(0.01);
    List<AdapterStack> stacks = List.of(stack("stack", first, second), stack("sum", sum));
    try (Generator generator = Generator.open(BaseModel.open(model), stacks, Compile.OFF)) {
      List<List<Integer>> answers = greedy(generator);
      generator.use("sum");
      assertThat(answers).isEqualTo(greedy(generator));
    }
  }

  /** A is [r, in]: one below the other; B is [out, r]: side by side. */
  private static float[] joined(AdapterParameter parameter) {
    float[] one = values(first, parameter);
    float[] other = values(second, parameter);
    List<Float> joined = new ArrayList<>();
    if (parameter.name().contains("lora_A")) {
      add(joined, one, 0, one.length, 1);
      add(joined, other, 0, other.length, 1);
    } else {
      for (int out = 0; out < parameter.shape().get(0); out++) {
        add(joined, one, 2 * out, 2, 2);
        add(joined, other, 3 * out, 3, 1);
      }
    }
    float[] array = new float[joined.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = joined.get(i);
    }
    return array;
  }

  private static void add(List<Float> to, float[] values, int from, int count, float scale) {
    for (int i = from; i < from + count; i++) {
      to.add(scale * values[i]);
    }
  }

  private static float[] values(Path adapter, AdapterParameter parameter) {
    try (var files = PeftAdapter.read(adapter)) {
      return files.tensor(parameter.name());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The layer with its LoRA is what the bottleneck behind it adapts. */
  @Test
  void theFirstOfAStackIsNearestToTheBase() throws IOException {
    Path merged = shared.resolve("merged");
    Merger.merge(new MergeConfig(shared.resolve("checkpoint"), first, merged));
    Path mergedModel = shared.resolve("merged-model");
    Converter.convert(merged, mergedModel, false);
    float[][][] expected = logits(mergedModel, series);
    assertThat(difference(logits(model, first, series), expected)).isLessThan(ROUNDING);
    assertThat(difference(logits(model, series, first), expected)).isGreaterThan(0.01);
  }

  /** Virtual tokens change what layers read, not what they compute. */
  @Test
  void virtualTokensStackWithChangesOfLayers() throws IOException {
    BaseModel base = BaseModel.open(model);
    Path head =
        AdapterFiles.random(
            shared.resolve("head"),
            base,
            new LoraConfig(2, 1, 0, TargetModules.of("o_proj", "lm_head")),
            4);
    Path prompt = AdapterFiles.random(shared.resolve("prompt"), base, AdapterFiles.prompt(), 5);
    Path merged = shared.resolve("merged-head");
    Merger.merge(new MergeConfig(shared.resolve("checkpoint"), head, merged));
    Path mergedModel = shared.resolve("merged-head-model");
    Converter.convert(merged, mergedModel, false);
    float[][][] expected = logits(mergedModel, prompt);
    assertThat(difference(logits(mergedModel), expected)).isGreaterThan(0.01);
    assertThat(difference(logits(model, head, prompt), expected)).isLessThan(ROUNDING);
    assertThat(difference(logits(model, prompt, head), expected)).isLessThan(ROUNDING);
    List<AdapterStack> stacks = List.of(stack("a", head, prompt), stack("b", prompt, head));
    List<List<Integer>> answers;
    try (Generator alone =
        Generator.open(BaseModel.open(mergedModel), Optional.of(prompt), Compile.OFF)) {
      answers = greedy(alone);
    }
    try (Generator generator = Generator.open(base, stacks, Compile.OFF)) {
      assertThat(greedy(generator)).isEqualTo(answers);
      generator.use("b");
      assertThat(greedy(generator)).isEqualTo(answers);
    }
    Path another = AdapterFiles.random(shared.resolve("another"), base, AdapterFiles.prompt(), 6);
    assertThatThrownBy(() -> logits(model, prompt, another))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            another.resolve("adapter_config.json")
                + ": the graph has virtual tokens of another adapter already; only one of prefix,"
                + " prompt and p-tuning can be used at a time");
  }

  @Test
  void anAdapterCanBeInSeveralStacks() throws IOException {
    List<AdapterStack> stacks =
        List.of(stack("one", first), stack("both", first, second), stack("turned", second, first));
    try (Generator generator = Generator.open(BaseModel.open(model), stacks, Compile.OFF)) {
      assertThat(generator.logits(IDS, MASK)).isDeepEqualTo(logits(model, first));
      generator.use("both");
      assertThat(generator.logits(IDS, MASK)).isDeepEqualTo(logits(model, first, second));
      generator.use("turned");
      assertThat(generator.logits(IDS, MASK)).isDeepEqualTo(logits(model, second, first));
    }
  }

  @Test
  void namesTheAdaptersThatThereAre() throws IOException {
    List<AdapterStack> stacks = List.of(AdapterStack.BASE, stack("one", first));
    try (Generator generator = Generator.open(BaseModel.open(model), stacks, Compile.OFF)) {
      assertThatThrownBy(() -> generator.use("two"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("no adapter is called \"two\"; there are base, one");
    }
  }

  @Test
  void rejectsTwoOfOneName() {
    List<AdapterStack> stacks = List.of(stack("a", first), stack("a", second));
    assertThatThrownBy(() -> Generator.open(BaseModel.open(model), stacks, Compile.OFF))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("two adapters are called \"a\"; name them: NAME=DIR");
  }

  @Test
  void rejectsAnAdapterTwiceInAStack() {
    Path again = first.resolve("../first");
    assertThatThrownBy(() -> stack("a", first, again))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "a: an adapter is on the base twice, got ["
                + first
                + ", "
                + again
                + "]; name each once");
  }

  @Test
  void rejectsWhatIsNoAdapter() {
    List<AdapterStack> stacks = List.of(AdapterStack.BASE, stack("a", model));
    assertThatThrownBy(() -> Generator.open(BaseModel.open(model), stacks, Compile.OFF))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("has no adapter_config.json");
  }
}
