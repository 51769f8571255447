package org.llmadapters.eval;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.graph.FormatException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters perplexity}. */
@Command(
    name = "perplexity",
    description =
        "Tells how well a model, with one adapter after the other, predicts a text; one JSON line for each.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters perplexity --model base --data wiki.test.txt",
      "  llm-adapters perplexity --model base --adapter base --adapter run --data text.txt --max-length 512 --stride 256"
    })
public final class PerplexityCommand implements Callable<Integer> {
  private static final Logger LOG = LoggerFactory.getLogger(PerplexityCommand.class);

  /** What is asked of a model that takes more: the time for a window grows with its square. */
  private static final int DEFAULT_MAX_LENGTH = 2048;

  @Spec private @Nullable CommandSpec spec;

  @Mixin private ModelFlags model = new ModelFlags();
  @Mixin private AdapterFlags adapters = new AdapterFlags();

  @Option(
      names = "--data",
      paramLabel = "FILE",
      required = true,
      description = "A text in UTF-8, taken as one whole; at most 64 MiB.")
  private Path data = Path.of("");

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Tokens of a window (default: what the model takes, at most 2048).")
  private @Nullable Integer maxLength;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description =
          "Tokens between the starts of windows; only those that are new in a window are counted (default: half a window).")
  private @Nullable Integer stride;

  @Option(
      names = "--batch-size",
      defaultValue = "1",
      description = "Windows computed together (default ${DEFAULT-VALUE}).")
  private int batchSize;

  @Override
  public Integer call() throws IOException {
    List<AdapterStack> stacks = adapters.stacks();
    if (maxLength != null) {
      config(maxLength); // what is wrong with it should be said before a model is loaded
    }
    String text = Json.readText(data);
    if (text.isBlank()) {
      throw new FormatException(data, "has no text in it");
    }
    ModelFlags.Running running = model.running();
    BaseModel base = model.base();
    try (Tokenizer tokenizer = base.requireTokenizer();
        TokenScorer scorer = running.scorer(base, stacks)) {
      for (AdapterStack stack : stacks) {
        scorer.use(stack.name());
        PerplexityConfig config = config(maxLength == null ? defaultLength(scorer) : maxLength);
        Perplexity perplexity = perplexity(scorer, tokenizer, text, config);
        LOG.info("{}: {}", stack.name(), perplexity.text());
        ObjectNode json = Json.object();
        json.put("adapter", stack.name());
        json.put("data", data.toString());
        json.put("max_length", config.maxLength());
        json.put("stride", config.stride());
        json.setAll(perplexity.toJson());
        Objects.requireNonNull(spec).commandLine().getOut().println(json);
      }
    }
    return 0;
  }

  private PerplexityConfig config(int length) {
    return new PerplexityConfig(
        length, stride == null ? Math.max(1, length / 2) : stride, batchSize);
  }

  private static int defaultLength(TokenScorer scorer) {
    OptionalInt limit = scorer.maxLength();
    return limit.isPresent() ? Math.min(DEFAULT_MAX_LENGTH, limit.getAsInt()) : DEFAULT_MAX_LENGTH;
  }

  private Perplexity perplexity(
      TokenScorer scorer, Tokenizer tokenizer, String text, PerplexityConfig config) {
    OptionalInt limit = scorer.maxLength();
    if (limit.isPresent() && config.maxLength() > limit.getAsInt()) {
      throw new IllegalArgumentException(
          "--max-length "
              + config.maxLength()
              + " exceeds the "
              + limit.getAsInt()
              + " tokens that the model takes; lower it");
    }
    return Perplexity.of(scorer, tokenizer, text, config);
  }
}
