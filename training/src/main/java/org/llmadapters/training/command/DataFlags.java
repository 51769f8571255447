package org.llmadapters.training.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.llmadapters.eval.prompt.ChatTemplate;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.training.DataFile;
import org.llmadapters.training.RunFile;
import org.llmadapters.training.TrainingOptions;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What {@code train} reads and how it makes examples of it, named as in LLM-Adapters. */
final class DataFlags {
  @Option(
      names = "--data",
      paramLabel = "FILE[=WEIGHT]",
      required = true,
      split = RunFile.SEPARATOR,
      hideParamSyntax = true,
      converter = DataFileConverter.class,
      description =
          "JSON or JSONL (instruction and output, messages, conversations, text, input_ids), CSV, Parquet or plain text, also .gz. Several are mixed; WEIGHT is the share of a file in an epoch.")
  private List<DataFile> files = new ArrayList<>();

  @Option(
      names = "--template",
      paramLabel = "NAME|FILE",
      defaultValue = "alpaca",
      converter = NameOrFileConverter.class,
      description =
          "Prompt template: alpaca, llm-adapters-train, llm-adapters-eval, or a JSON file (default ${DEFAULT-VALUE}).")
  private String template = "";

  @Option(
      names = "--chat-template",
      paramLabel = "chatml|FILE",
      converter = NameOrFileConverter.class,
      description = "Chat template in place of the model's own.")
  private @Nullable String chatTemplate;

  @Option(
      names = "--cutoff-len",
      defaultValue = "256",
      description = "Longest example in tokens (default ${DEFAULT-VALUE}).")
  private int cutoffLen;

  @Option(
      names = "--train-on-inputs",
      description = "Predict the prompt's tokens too, or what others than the assistant say.")
  private boolean trainOnInputs;

  @Option(
      names = "--val-set-size",
      defaultValue = "0",
      description = "Records set aside for the evaluation loss (default ${DEFAULT-VALUE}).")
  private int valSetSize;

  @Option(
      names = "--skip-bad-records",
      description = "Leave bad records out and say which, instead of failing.")
  private boolean skipBadRecords;

  @Option(
      names = "--streaming",
      description = "Read while training, for data larger than memory; needs --max-steps.")
  private boolean streaming;

  @Option(
      names = "--shuffle-buffer",
      paramLabel = "N",
      description = "Examples that --streaming keeps in memory to draw from (default 10000).")
  private @Nullable Integer shuffleBuffer;

  /** Reads what {@code --data} is given. */
  static final class DataFileConverter implements ITypeConverter<DataFile> {
    @Override
    public DataFile convert(String value) {
      try {
        return DataFile.of(value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /**
   * Takes the name of a template as it is, and makes the path of a file absolute: a run's options
   * name the file for every working directory.
   */
  static final class NameOrFileConverter implements ITypeConverter<String> {
    @Override
    public String convert(String value) {
      boolean named =
          value.equals(ChatTemplate.CHATML)
              || PromptTemplate.BUILT_IN.stream()
                  .anyMatch(template -> template.templateName().equals(value));
      Path file = Path.of(value);
      return named || !Files.isRegularFile(file)
          ? value
          : file.toAbsolutePath().normalize().toString();
    }
  }

  /**
   * The options as given.
   *
   * @throws IllegalArgumentException if they do not go together
   */
  TrainingOptions.Data toData() throws IOException {
    if (shuffleBuffer != null && !streaming) {
      throw new IllegalArgumentException(
          "--shuffle-buffer needs --streaming; data in memory is shuffled as a whole");
    }
    OptionalInt buffer =
        streaming
            ? OptionalInt.of(shuffleBuffer == null ? 10_000 : shuffleBuffer)
            : OptionalInt.empty();
    return new TrainingOptions.Data(
        files,
        PromptTemplate.of(template),
        Optional.ofNullable(chatTemplate),
        cutoffLen,
        trainOnInputs,
        valSetSize,
        skipBadRecords,
        buffer);
  }
}
