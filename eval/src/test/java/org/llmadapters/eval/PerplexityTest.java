package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;

/** Perplexity, against windows cut by hand and the logits of whole sequences. */
final class PerplexityTest {
  /** Relative: float32 logits out of sums in another order, of which the sum has a dozen. */
  private static final double ROUNDING = 1e-5;

  /** Eleven tokens with the one that begins it. */
  private static final String TEXT = "one 1 three two\n 2 two two  one \u00E9\u20AC 3";

  @TempDir private static Path shared;
  private static Path model = Path.of("");
  private static Path lora = Path.of("");
  private static Tokenizer tokenizer;
  private static TokenScorer scorer;
  private static Generator generator;

  @BeforeAll
  static void open() throws IOException {
    model = NumberModel.write(shared);
    BaseModel base = BaseModel.open(model);
    lora = AdapterFiles.random(shared.resolve("lora"), base, AdapterFiles.lora(2, 4), 1);
    List<AdapterStack> stacks = List.of(new AdapterStack("lora", List.of(lora)));
    tokenizer = base.requireTokenizer();
    scorer = TokenScorer.open(base, stacks);
    generator = Generator.open(base, stacks, Compile.OFF);
  }

  @AfterAll
  static void close() {
    scorer.close();
    generator.close();
    tokenizer.close();
  }

  /** Of each token given those before it in a window, 0 for the first. */
  private static double[] logProbabilities(int... window) {
    int[] mask = new int[window.length];
    Arrays.fill(mask, 1);
    float[][] logits = generator.logits(new int[][] {window}, new int[][] {mask})[0];
    double[] logs = new double[window.length];
    for (int i = 1; i < window.length; i++) {
      logs[i] = TokenScorerTest.logSoftmax(logits[i - 1], window[i]);
    }
    return logs;
  }

  private static Perplexity perplexity(int maxLength, int stride, int batchSize) {
    return Perplexity.of(
        scorer, tokenizer, TEXT, new PerplexityConfig(maxLength, stride, batchSize));
  }

  /** The last {@code counted} tokens of a window from {@code begin} to {@code end}. */
  private static double part(int[] tokens, int begin, int end, int counted) {
    double[] logs = logProbabilities(Arrays.copyOfRange(tokens, begin, end));
    return Arrays.stream(logs, logs.length - counted, logs.length).sum();
  }

  @ParameterizedTest
  @CsvSource({"1", "3"})
  void countsInEachWindowWhatIsNewInIt(int batchSize) {
    int[] tokens = tokenizer.encode(TEXT, true);
    assertThat(tokens).hasSize(11);
    Perplexity perplexity = perplexity(5, 2, batchSize);
    double expected =
        part(tokens, 0, 5, 4)
            + part(tokens, 2, 7, 2)
            + part(tokens, 4, 9, 2)
            + part(tokens, 6, 11, 2);
    assertThat(perplexity.windows()).isEqualTo(4);
    assertThat(perplexity.tokens()).isEqualTo(10);
    assertThat(perplexity.logLikelihood() / expected).isCloseTo(1, within(ROUNDING));
  }

  @Test
  void aStrideOfTheWholeLengthGivesDisjointBlocks() {
    int[] tokens = tokenizer.encode(TEXT, true);
    Perplexity perplexity = perplexity(4, 4, 2);
    double expected = part(tokens, 0, 4, 3) + part(tokens, 4, 8, 3) + part(tokens, 8, 11, 2);
    assertThat(perplexity.windows()).isEqualTo(3);
    assertThat(perplexity.tokens()).isEqualTo(8);
    assertThat(perplexity.logLikelihood() / expected).isCloseTo(1, within(ROUNDING));
  }

  /** Blocks of five: the eleventh token is alone in its window, with nothing to predict it. */
  @Test
  void aBlockOfOneTokenCountsNothing() {
    Perplexity perplexity = perplexity(5, 5, 1);
    assertThat(perplexity.windows()).isEqualTo(2);
    assertThat(perplexity.tokens()).isEqualTo(8);
  }

  @Test
  void aWindowThatHoldsAllIsTheWholeText() {
    int[] tokens = tokenizer.encode(TEXT, true);
    Perplexity perplexity = perplexity(64, 1, 1);
    assertThat(perplexity.windows()).isEqualTo(1);
    assertThat(perplexity.logLikelihood() / part(tokens, 0, 11, 10)).isCloseTo(1, within(ROUNDING));
  }

  @Test
  void wordsAreWhatIsBetweenWhiteSpaceAndBytesThoseOfUtf8() {
    Perplexity perplexity = perplexity(64, 32, 1);
    assertThat(perplexity.words()).isEqualTo(TEXT.split("\\s+", -1).length);
    assertThat(perplexity.bytes()).isEqualTo(TEXT.getBytes(StandardCharsets.UTF_8).length);
    String spaced = " one two ";
    Perplexity around = Perplexity.of(scorer, tokenizer, spaced, new PerplexityConfig(8, 8, 1));
    assertThat(around.words()).isEqualTo(4); // Python's re.split has "" before and behind
  }

  /** ln p = -6 ln 2 over 3 tokens, 2 words, 12 bytes. */
  @Test
  void figuresAreMeansOfTheLogLikelihood() {
    Perplexity perplexity = new Perplexity(-6 * Math.log(2), 3, 1, 2, 12, 0.5);
    assertThat(perplexity.tokenPerplexity()).isCloseTo(4, within(1e-12));
    assertThat(perplexity.wordPerplexity()).isCloseTo(8, within(1e-12));
    assertThat(perplexity.bytePerplexity()).isCloseTo(Math.sqrt(2), within(1e-12));
    assertThat(perplexity.bitsPerByte()).isCloseTo(0.5, within(1e-12));
    assertThat(perplexity.text())
        .isEqualTo(
            "perplexity 4.0000 per token, 8.0000 per word, 1.4142 per byte, 0.5000 bits per byte"
                + " (3 tokens, 2 words, 12 bytes; 6 tokens/s)");
  }

  @Test
  void refusesWindowsThatLeaveTokensOutOrPredictNone() {
    assertThatThrownBy(() -> new PerplexityConfig(4, 5, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("stride must be >= 1 and <= max_length 4, or tokens would be left out, got 5");
    assertThatThrownBy(() -> new PerplexityConfig(4, 0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("stride must be >= 1 and <= max_length 4, or tokens would be left out, got 0");
    assertThatThrownBy(() -> new PerplexityConfig(1, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("max_length must be >= 2, got 1");
    assertThatThrownBy(() -> new PerplexityConfig(4, 4, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("batch_size must be >= 1, got 0");
  }

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  @TempDir private Path directory;

  private int run(String text, Object... more) throws IOException {
    Path file = Files.writeString(directory.resolve("text.txt"), text);
    List<Object> line = new ArrayList<>(List.of("--model", model, "--data", file));
    line.addAll(List.of(more));
    return CommandRun.of(new PerplexityCommand(), out, err, line.toArray());
  }

  @Test
  void theCommandPrintsAJsonLineForEveryAdapter() throws IOException {
    assertThat(
            run(
                TEXT,
                "--max-length",
                5,
                "--stride",
                2,
                "--adapter",
                "base",
                "--adapter",
                lora,
                "--stack",
                "twice=lora," + copyOfLora()))
        .as(err.toString())
        .isZero();
    List<JsonNode> lines = new ArrayList<>();
    for (String line : out.toString().lines().toList()) {
      lines.add(new JsonMapper().readTree(line));
    }
    assertThat(lines.stream().map(line -> line.get("adapter").textValue()))
        .containsExactly("base", "lora", "twice");
    JsonNode second = lines.get(1);
    Perplexity perplexity = perplexity(5, 2, 1);
    assertThat(second.get("log_likelihood").doubleValue() / perplexity.logLikelihood())
        .isCloseTo(1, within(ROUNDING));
    assertThat(second.get("tokens").intValue()).isEqualTo(10);
    assertThat(second.get("windows").intValue()).isEqualTo(4);
    assertThat(second.get("max_length").intValue()).isEqualTo(5);
    assertThat(second.get("stride").intValue()).isEqualTo(2);
    assertThat(lines.stream().map(line -> line.get("log_likelihood"))).doesNotHaveDuplicates();
  }

  private Path copyOfLora() throws IOException {
    Path copy = Files.createDirectories(directory.resolve("copy"));
    for (String file : List.of("adapter_config.json", "adapter_model.safetensors")) {
      Files.copy(lora.resolve(file), copy.resolve(file));
    }
    return copy;
  }

  @Test
  void windowsAreHalfOverlappingAndAsLongAsTheModelTakesByDefault() throws IOException {
    assertThat(run(TEXT)).as(err.toString()).isZero();
    assertThat(out.toString()).contains("\"max_length\":256,\"stride\":128,");
  }

  @Test
  void saysWhatIsWrongWithATextOrAWindow() throws IOException {
    assertThat(run(" \n")).isOne();
    assertThat(run("one", "--max-length", 257)).isOne();
    assertThat(run("one", "--max-length", 4, "--stride", 5)).isOne();
    assertThat(err.toString().lines().toList())
        .containsExactly(
            directory.resolve("text.txt") + ": has no text in it",
            "--max-length 257 exceeds the 256 tokens that the model takes; lower it",
            "stride must be >= 1 and <= max_length 4, or tokens would be left out, got 5");
    Files.delete(directory.resolve("text.txt"));
    assertThat(
            CommandRun.of(
                new PerplexityCommand(),
                out,
                err,
                "--model",
                model,
                "--data",
                directory.resolve("text.txt")))
        .isOne();
    assertThat(err.toString()).endsWith("text.txt: no such file\n");
  }

  @Test
  void aTextNeedsTwoTokens() {
    Tokenizer silent = new OneToken();
    assertThatThrownBy(() -> Perplexity.of(scorer, silent, "one", new PerplexityConfig(4, 4, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a text needs two tokens or more to predict one of them, got 1");
  }

  /** A tokenizer that adds no token to a word. */
  private static final class OneToken implements Tokenizer {
    @Override
    public int[] encode(String text, boolean addSpecialTokens) {
      return new int[] {3};
    }

    @Override
    public String decode(int[] ids, boolean skipSpecialTokens) {
      throw new UnsupportedOperationException();
    }

    @Override
    public OptionalInt bosId() {
      return OptionalInt.empty();
    }

    @Override
    public OptionalInt eosId() {
      return OptionalInt.empty();
    }

    @Override
    public OptionalInt padId() {
      return OptionalInt.empty();
    }

    @Override
    public int vocabSize() {
      return 9;
    }

    @Override
    public void close() {}
  }
}
