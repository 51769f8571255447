package org.llmadapters.eval;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.files.AtomicFile;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.graph.FormatException;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters generate}. */
@Command(
    name = "generate",
    description = "Generates text after a prompt, or after every line of a file.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters generate --model base --prompt \"Once upon a time\" --max-new-tokens 100",
      "  llm-adapters generate --model base --adapter run --template alpaca --prompts questions.txt --output answers.jsonl"
    })
public final class GenerateCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;
  @Mixin private ModelFlags model = new ModelFlags();

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      description =
          "PEFT directory of an adapter. Several are on the model at once, the first nearest to it.")
  private List<Path> adapters = new ArrayList<>();

  @ArgGroup(multiplicity = "1")
  private Prompts prompts = new Prompts();

  /** One prompt, or many. */
  static final class Prompts {
    @Option(
        names = "--prompt",
        paramLabel = "TEXT",
        description = "Text to go on from; may be empty for models with a BOS token.")
    private @Nullable String prompt;

    @Option(
        names = "--prompts",
        paramLabel = "FILE",
        description = "Text file with one prompt per line.")
    private @Nullable Path file;
  }

  @Mixin private PromptFlags wording = new PromptFlags();

  @Option(
      names = "--max-new-tokens",
      defaultValue = "128",
      description = "Most tokens to generate (default ${DEFAULT-VALUE}).")
  private int maxNewTokens;

  @Option(
      names = "--batch-size",
      defaultValue = "8",
      description = "Prompts generated together (default ${DEFAULT-VALUE}).")
  private int batchSize;

  @Mixin private DecodingFlags decoding = new DecodingFlags();

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description =
          "Write JSON lines with prompt and response here, instead of responses to stdout.")
  private @Nullable Path output;

  @Option(names = "--overwrite", description = "Replace an existing --output.")
  private boolean overwrite;

  @Override
  public Integer call() throws IOException {
    if (output != null && Files.exists(output) && !overwrite) {
      throw new IllegalArgumentException(
          output + ": exists; name another file, or give --overwrite");
    }
    GenerationConfig config = decoding.toConfig(maxNewTokens, batchSize);
    ModelFlags.Running running = model.running();
    running.requireRunnable(config);
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    BaseModel base = model.base();
    PromptFlags.Wording words = wording.wording(base);
    try (Tokenizer tokenizer = base.requireTokenizer();
        Generator generator =
            running.generator(base, List.of(new AdapterStack("adapters", adapters)))) {
      String single = prompts.prompt;
      if (single != null && output == null && config.beams().numBeams() == 1) {
        stream(generator, tokenizer, config, words.encode(tokenizer, single), out);
      } else {
        List<String> texts = single != null ? List.of(single) : lines();
        many(generator, tokenizer, config, texts, words, out);
      }
    }
    return 0;
  }

  private List<String> lines() throws IOException {
    Path file = Objects.requireNonNull(prompts.file);
    List<String> lines =
        Files.readAllLines(file, StandardCharsets.UTF_8).stream()
            .filter(line -> !line.isBlank())
            .toList();
    if (lines.isEmpty()) {
      throw new FormatException(file, "no prompts in it; expected one per line");
    }
    return lines;
  }

  /**
   * Prints the response while it grows. An unfinished character, and what may become a stop string,
   * are held back.
   */
  private void stream(
      Generator generator,
      Tokenizer tokenizer,
      GenerationConfig config,
      int[] prompt,
      PrintWriter out) {
    StopStrings stop = config.stop();
    StringBuilder printed = new StringBuilder();
    int[] tokens =
        generator.stream(
            prompt,
            config,
            chosen -> {
              String text = stop.certain(tokenizer.decode(chosen, true));
              if (!text.endsWith("\uFFFD") && text.startsWith(printed.toString())) {
                out.print(text.substring(printed.length()));
                out.flush();
                printed.setLength(0);
                printed.append(text);
              }
              return true;
            });
    String text = stop.cut(tokenizer.decode(tokens, true));
    if (text.startsWith(printed.toString())) {
      out.print(text.substring(printed.length()));
    }
    out.println();
  }

  private void many(
      Generator generator,
      Tokenizer tokenizer,
      GenerationConfig config,
      List<String> texts,
      PromptFlags.Wording words,
      PrintWriter out)
      throws IOException {
    List<int[]> encoded = texts.stream().map(text -> words.encode(tokenizer, text)).toList();
    List<int[]> answers;
    try (Progress progress = Progress.start("generating", texts.size(), "prompts")) {
      answers = generator.generate(encoded, config, finished -> progress.advance(finished.size()));
    }
    if (texts.size() == 1 && output == null && prompts.prompt != null) {
      out.println(config.stop().cut(tokenizer.decode(answers.get(0), true)));
      return;
    }
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      ObjectNode line = Json.object();
      line.put("prompt", texts.get(i));
      line.put("response", config.stop().cut(tokenizer.decode(answers.get(i), true)));
      line.put("tokens", answers.get(i).length);
      lines.add(line.toString());
    }
    Path file = output;
    if (file == null) {
      lines.forEach(out::println);
      return;
    }
    try (AtomicFile temporary = AtomicFile.create(file)) {
      Files.write(temporary.path(), lines, StandardCharsets.UTF_8);
      temporary.commit();
    }
    out.println(file);
  }
}
