package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.BeamConfig;
import org.llmadapters.graph.compile.SamplingConfig;

/** What answers depend on, and where they stop, with a random model. */
final class DecodingTest {
  private static final int NEW_TOKENS = 10;
  private static final SamplingConfig DRAWN = new SamplingConfig(true, 1.2, 12, 0.95, 1.1);
  private static final BeamConfig BEAMS = new BeamConfig(3, 1, BeamConfig.EarlyStopping.FALSE);

  private static final List<String> WORDS =
      Stream.concat(
              Stream.of("<unk>", "<s>", "</s>"),
              IntStream.rangeClosed('a', 't').mapToObj(Character::toString))
          .toList();

  /** The fourth is longer than the padding of the others. */
  private static final List<String> PROMPTS =
      List.of("a b c", "t", "d e f g h", "i j " + "k l m n ".repeat(9), "c b a c b a c");

  @TempDir private static Path shared;
  private static BaseModel base;
  private static Generator generator;
  private static Tokenizer tokenizer;

  @BeforeAll
  static void makeModel() throws IOException {
    base = BaseModel.open(WordModel.write(shared, WORDS, 2, DecodingTest::random));
    generator = Generator.open(base, Optional.empty(), Compile.OFF);
    tokenizer = base.requireTokenizer();
  }

  @AfterAll
  static void close() {
    generator.close();
    tokenizer.close();
  }

  private static float[] random(Weight weight) {
    Random random = new Random(weight.name().hashCode());
    float[] values = new float[Math.toIntExact(weight.elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (weight.shape().size() == 1 ? 1 : 0) + 0.5f * (float) random.nextGaussian();
    }
    return values;
  }

  private static GenerationConfig config(int batchSize, SamplingConfig sampling, String... stop) {
    return new GenerationConfig(
        NEW_TOKENS, batchSize, BeamConfig.GREEDY, sampling, 3, new StopStrings(List.of(stop)));
  }

  private static GenerationConfig beams(int batchSize, double penalty, String... stop) {
    return new GenerationConfig(
        NEW_TOKENS,
        batchSize,
        BEAMS,
        new SamplingConfig(false, 1, 50, 1, penalty),
        0,
        new StopStrings(List.of(stop)));
  }

  private static int[] encoded(int prompt) {
    return tokenizer.encode(PROMPTS.get(prompt), true);
  }

  /** The texts of the prompts called {@code items}, in their order. */
  private static List<String> answers(
      Generator generator, GenerationConfig config, List<Integer> items) {
    List<int[]> prompts = items.stream().map(DecodingTest::encoded).toList();
    return generator.generate(prompts, items, config, finished -> {}).stream()
        .map(tokens -> tokenizer.decode(tokens, false))
        .toList();
  }

  private static final List<Integer> ALL = List.of(0, 1, 2, 3, 4);

  private interface Configs {
    GenerationConfig ofBatchSize(int batchSize);
  }

  static Stream<Configs> configs() {
    return Stream.of(
        size -> config(size, SamplingConfig.GREEDY),
        size -> config(size, DRAWN),
        size -> config(size, DRAWN, "a", "b c"),
        size -> beams(size, 1),
        size -> beams(size, 1.3, "a", "b c"));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void anAnswerDependsOnNothingButItsPromptAndNumber(Configs configs) {
    List<String> alone = new ArrayList<>();
    for (int item : ALL) {
      alone.addAll(answers(generator, configs.ofBatchSize(1), List.of(item)));
    }
    assertThat(alone).doesNotHaveDuplicates();
    for (int batchSize : new int[] {1, 2, 3, 5}) {
      assertThat(answers(generator, configs.ofBatchSize(batchSize), ALL))
          .as("batch size %d", batchSize)
          .isEqualTo(alone);
    }
    List<Integer> some = List.of(4, 2, 1);
    assertThat(answers(generator, configs.ofBatchSize(3), some))
        .isEqualTo(some.stream().map(alone::get).toList());
  }

  @Test
  void anotherSeedOrNumberDrawsAnotherAnswer() {
    GenerationConfig config = config(5, DRAWN);
    GenerationConfig other =
        new GenerationConfig(NEW_TOKENS, 5, BeamConfig.GREEDY, DRAWN, 4, StopStrings.NONE);
    List<int[]> same = Collections.nCopies(5, encoded(2));
    List<String> drawn =
        generator.generate(same, config, finished -> {}).stream().map(Arrays::toString).toList();
    assertThat(drawn).doesNotHaveDuplicates();
    assertThat(generator.generate(same, other, finished -> {}).stream().map(Arrays::toString))
        .doesNotContainAnyElementsOf(drawn);
  }

  @Test
  void streamsWhatABatchGives() {
    GenerationConfig config = config(1, DRAWN);
    int[] expected = generator.generate(List.of(encoded(0)), config, finished -> {}).get(0);
    List<int[]> seen = new ArrayList<>();
    assertThat(generator.stream(encoded(0), config, seen::add)).isEqualTo(expected);
    assertThat(seen).last().isEqualTo(expected);
  }

  /** The shortest beginning with a stop string in it; all if there is none. */
  private static String upTo(String answer, List<String> stop) {
    String[] words = answer.split(" ", -1);
    for (int count = 1; count < words.length; count++) {
      String beginning = String.join(" ", Arrays.copyOf(words, count));
      String text = String.join(" ", ordinary(beginning));
      if (stop.stream().anyMatch(string -> beginning.contains(string) || text.contains(string))) {
        return beginning;
      }
    }
    return answer;
  }

  /** The words that are not special. */
  private static List<String> ordinary(String answer) {
    return Stream.of(answer.split(" ", -1)).filter(word -> !word.startsWith("<")).toList();
  }

  /** The third and fourth word of an answer, with the space between them. */
  private static String pairIn(String answer) {
    return String.join(" ", ordinary(answer).subList(2, 4));
  }

  @ParameterizedTest
  @MethodSource("stopped")
  void anAnswerEndsWithTheTokenThatCompletesAStopString(SamplingConfig sampling, Compile compile)
      throws IOException {
    List<String> free = answers(generator, config(5, sampling), ALL);
    List<String> stop =
        free.stream()
            .filter(answer -> ordinary(answer).size() > 5)
            .limit(2)
            .map(DecodingTest::pairIn)
            .toList();
    List<String> expected = free.stream().map(answer -> upTo(answer, stop)).toList();
    assertThat(stop).hasSize(2);
    assertThat(expected).filteredOn(answer -> !free.contains(answer)).hasSizeBetween(2, 4);
    try (Generator other = Generator.open(base, Optional.empty(), compile)) {
      assertThat(answers(other, config(5, sampling, stop.toArray(String[]::new)), ALL))
          .isEqualTo(expected);
    }
  }

  static Stream<Arguments> stopped() {
    return Stream.of(
        Arguments.of(SamplingConfig.GREEDY, Compile.OFF), Arguments.of(DRAWN, Compile.ON));
  }

  @Test
  void generationEndsWhenAllAnswersHaveStopped() {
    GenerationConfig free = config(1, SamplingConfig.GREEDY);
    String stop = pairIn(answers(generator, free, List.of(0)).get(0));
    List<int[]> seen = new ArrayList<>();
    int[] tokens = generator.stream(encoded(0), config(1, SamplingConfig.GREEDY, stop), seen::add);
    assertThat(tokens).hasSizeLessThan(NEW_TOKENS);
    assertThat(ordinary(tokenizer.decode(tokens, true))).hasSize(4);
    assertThat(seen).hasSize(tokens.length);
  }

  /** A special token is not part of the text, but it can be named. */
  @Test
  void aStopStringMayBeASpecialToken() {
    List<String> free = answers(generator, config(5, DRAWN), ALL);
    assertThat(free).anyMatch(answer -> answer.contains("<unk>"));
    assertThat(answers(generator, config(5, DRAWN, "<unk>"), ALL))
        .isEqualTo(free.stream().map(answer -> upTo(answer, List.of("<unk>"))).toList());
  }

  @Test
  void beamsEndAtAStopStringAsAtAnEndToken() throws IOException {
    List<String> free = answers(generator, beams(5, 1), ALL);
    String word = free.get(0).split(" ", -1)[2];
    List<String> stopped = answers(generator, beams(5, 1, word), ALL);
    Path directory = shared.resolve("other");
    BaseModel other =
        BaseModel.open(
            WordModel.write(directory, WORDS, WORDS.indexOf(word), DecodingTest::random));
    try (Generator ending = Generator.open(other, Optional.empty(), Compile.OFF)) {
      // Its end token is the word; that of the model before is the other model's stop string.
      assertThat(answers(ending, beams(5, 1, "</s>"), ALL)).isEqualTo(stopped);
    }
    assertThat(stopped).isNotEqualTo(free).anyMatch(answer -> answer.endsWith(word));
  }
}
