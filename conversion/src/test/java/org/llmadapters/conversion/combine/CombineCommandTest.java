package org.llmadapters.conversion.combine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.llmadapters.conversion.combine.TinyLora.Q;
import static org.llmadapters.conversion.combine.TinyLora.V;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.MergeConfig;
import org.llmadapters.conversion.Merger;
import org.llmadapters.conversion.TestAdapter;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import picocli.CommandLine;

/** What the command takes and prints, and that a model takes what it writes. */
final class CombineCommandTest {
  @TempDir Path directory;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(Object... arguments) {
    return new CommandLine(new CombineCommand())
        .setOut(new PrintWriter(out))
        .setErr(new PrintWriter(err))
        .setExecutionExceptionHandler(
            (exception, command, parsed) -> {
              command.getErr().print(exception.getMessage());
              return 1;
            })
        .execute(Stream.of(arguments).map(Object::toString).toArray(String[]::new));
  }

  private Path math() throws IOException {
    return TinyLora.random(1, TinyLora.config(2, 6, "q_proj", "v_proj"), Q, V)
        .write(directory.resolve("math"));
  }

  private Path code() throws IOException {
    return TinyLora.random(2, TinyLora.config(3, 1, "q_proj"), Q).write(directory.resolve("code"));
  }

  @Test
  void saysWhatItWrote() throws IOException {
    Path mixed = directory.resolve("mixed");
    assertThat(
            run(
                "--adapter",
                math() + "=0.7",
                "--adapter",
                code() + "=-0.3",
                "--combination-type",
                "cat",
                "--output",
                mixed))
        .isZero();
    assertThat(out.toString())
        .isEqualTo(
            """
            adapter     %s
            combined    2 by cat
            modules     2
            rank        2, 5
            """
                .formatted(mixed));
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void passesOnEveryOption() throws IOException {
    String[] arguments = {
      "--adapter",
      math() + "=1",
      "--adapter",
      code() + "=1",
      "--combination-type",
      "dare_ties_svd",
      "--output",
      directory.resolve("mixed").toString(),
      "--density",
      "0.5",
      "--majority-sign-method",
      "frequency",
      "--svd-rank",
      "4",
      "--seed",
      "7"
    };
    assertThat(run((Object[]) arguments)).isZero();
    assertThat(out.toString()).contains("combined    2 by dare_ties_svd\n", "rank        4\n");
    Path expected = directory.resolve("expected");
    Combiner.combine(
        List.of(new WeightedAdapter(math(), 1), new WeightedAdapter(directory.resolve("code"), 1)),
        new CombinationConfig(
            CombinationType.DARE_TIES_SVD,
            Optional.of(0.5),
            MajoritySign.FREQUENCY,
            Optional.of(4),
            7),
        expected,
        false);
    for (String name : new String[] {Q + ".lora_A.weight", V + ".lora_B.weight"}) {
      assertThat(TinyLora.tensor(directory.resolve("mixed"), name))
          .isEqualTo(TinyLora.tensor(expected, name));
    }
    assertThat(run((Object[]) arguments)).isEqualTo(1);
    assertThat(err.toString()).endsWith("name another directory, or ask to overwrite it");
    assertThat(run(Stream.concat(Stream.of(arguments), Stream.of("--overwrite")).toArray()))
        .isZero();
  }

  @Test
  void usesTheDefaultOfPeft() throws IOException {
    assertThat(run("--adapter", math() + "=1", "--output", directory.resolve("mixed"))).isZero();
    assertThat(out.toString()).contains("combined    1 by svd\n");
  }

  @Test
  void aWordThatIsNoneIsWrongUsage() {
    String[] start = {"--adapter", "math=1", "--output", "mixed"};
    assertThat(run(Stream.concat(Stream.of(start), Stream.of("--adapter", "b")).toArray()))
        .isEqualTo(2);
    assertThat(run(Stream.concat(Stream.of(start), Stream.of("--combination-type", "x")).toArray()))
        .isEqualTo(2);
    assertThat(
            run(
                Stream.concat(Stream.of(start), Stream.of("--majority-sign-method", "x"))
                    .toArray()))
        .isEqualTo(2);
    assertThat(run("--output", "mixed")).isEqualTo(2);
    assertThat(err.toString())
        .contains(
            "Invalid value for option '--adapter' (DIR=WEIGHT): \"b\" is not DIR=WEIGHT, such as"
                + " math=0.7",
            "Invalid value for option '--combination-type': unknown combination type \"x\"; known:"
                + " linear, ",
            "Invalid value for option '--majority-sign-method': majority_sign_method must be total"
                + " or frequency, got x",
            "Missing required option: '--adapter=DIR=WEIGHT'");
  }

  /** Merged into the model, the combination changes it as both adapters together. */
  @Test
  void aModelTakesTheCombination() throws IOException {
    Path checkpoint = Golden.path("llama/base");
    Path lora = Golden.path("llama/adapters/lora");
    Path other = TestAdapter.write(directory.resolve("other"), checkpoint, "up_proj", "q_proj");
    Path mixed = directory.resolve("mixed");
    assertThat(
            run(
                "--adapter",
                lora + "=0.5",
                "--adapter",
                other + "=2",
                "--combination-type",
                "svd",
                "--svd-rank",
                "7",
                "--output",
                mixed))
        .isZero();
    try (SafetensorsFile base = SafetensorsFile.open(checkpoint.resolve("model.safetensors"));
        SafetensorsFile first = merged(checkpoint, lora);
        SafetensorsFile second = merged(checkpoint, other);
        SafetensorsFile both = merged(checkpoint, mixed)) {
      for (String name : base.tensors().keySet()) {
        float[] before = base.readFloats(name);
        float[] a = first.readFloats(name);
        float[] b = second.readFloats(name);
        float[] actual = both.readFloats(name);
        for (int i = 0; i < before.length; i++) {
          float expected = before[i] + 0.5f * (a[i] - before[i]) + 2 * (b[i] - before[i]);
          assertThat(actual[i]).as(name).isCloseTo(expected, within(1e-4f));
        }
      }
    }
  }

  private SafetensorsFile merged(Path checkpoint, Path adapter) throws IOException {
    Path merged = directory.resolve("merged-" + adapter.getFileName());
    Merger.merge(new MergeConfig(checkpoint, adapter, merged));
    return SafetensorsFile.open(merged.resolve("model.safetensors"));
  }
}
