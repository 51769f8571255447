package org.llmadapters.training.records;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.llmadapters.conversion.files.TextFile;
import org.llmadapters.graph.FormatException;

/**
 * A file of training records. What it is, the end of its name says:
 *
 * <table>
 *   <caption>Formats</caption>
 *   <tr><td>{@code .json}, {@code .jsonl}</td><td>a JSON list, or an object per line, of the
 *       records below</td></tr>
 *   <tr><td>{@code .csv}, {@code .parquet}</td><td>columns {@code instruction}, {@code input}
 *       (may be left out) and {@code output}, or {@code text}</td></tr>
 *   <tr><td>{@code .txt}</td><td>one text</td></tr>
 * </table>
 *
 * all but Parquet also with {@code .gz} behind it. JSON records, each by the keys it has:
 *
 * <pre>
 *   {"instruction": "What is 2 + 3?", "input": "", "output": "2 + 3 = 5"}
 *   {"messages": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}]}
 *   {"conversations": [{"from": "human", "value": "2 + 3?"}, {"from": "gpt", "value": "5"}]}
 *   {"text": "Once upon a time"}
 *   {"input_ids": [1, 310, 278, 2], "labels": [-100, -100, 278, 2]}
 * </pre>
 *
 * {@code input} and {@code labels} may be left out; without labels all tokens are predicted. Other
 * keys and columns have no effect.
 *
 * @param file its path
 * @param format by its name
 */
public record RecordFile(Path file, Format format) {

  /** How the records are stored. */
  enum Format {
    JSON(".json", ".jsonl", ".ndjson"),
    CSV(".csv"),
    PARQUET(".parquet"),
    TEXT(".txt");

    private final ImmutableList<String> endings;

    Format(String... endings) {
      this.endings = ImmutableList.copyOf(endings);
    }
  }

  /**
   * The records of {@code file}.
   *
   * @throws FormatException if there is no such file or its name has none of the endings
   */
  public static RecordFile of(Path file) {
    if (!Files.exists(file) || Files.isDirectory(file)) {
      throw new FormatException(
          file, "%s", Files.exists(file) ? "is a folder, expected a file" : "no such file");
    }
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    boolean packed = name.endsWith(TextFile.GZIP);
    String unpacked = packed ? name.substring(0, name.length() - TextFile.GZIP.length()) : name;
    for (Format format : Format.values()) {
      if (format.endings.stream().anyMatch(unpacked::endsWith)
          && !(packed && format == Format.PARQUET)) {
        return new RecordFile(file, format);
      }
    }
    throw new FormatException(
        file,
        "training data is known by the end of its name; expected .json, .jsonl, .csv or .txt,"
            + " also with .gz behind it, or .parquet");
  }

  /**
   * Opens the file; the caller closes.
   *
   * @throws FormatException if it is not what its name says, or its first record is none of those
   *     above
   * @throws IOException if it cannot be read
   */
  public RecordReader open() throws IOException {
    return switch (format) {
      case JSON -> JsonReader.open(file);
      case CSV -> CsvReader.open(file);
      case PARQUET -> ParquetReader.open(file);
      case TEXT -> TextReader.open(file);
    };
  }

  /** What such a file should hold, for messages. */
  public String expected() {
    return switch (format) {
      case JSON -> JsonReader.EXPECTED;
      case CSV, PARQUET -> Columns.EXPECTED;
      case TEXT -> TextReader.EXPECTED;
    };
  }
}
