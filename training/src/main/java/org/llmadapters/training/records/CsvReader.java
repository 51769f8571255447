package org.llmadapters.training.records;

import de.siegmar.fastcsv.reader.CloseableIterator;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvRecord;
import de.siegmar.fastcsv.reader.FieldMismatchStrategy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.conversion.files.TextFile;
import org.llmadapters.graph.FormatException;

/**
 * Rows of comma-separated values as RFC 4180 has them; the first row names the columns. Cells have
 * at most 2^24 characters.
 */
final class CsvReader implements RecordReader {
  private static final int MAX_CHARACTERS = 1 << 24;

  private final Path file;
  private final CloseableIterator<CsvRecord> rows;
  private final List<String> names;
  private final Columns columns;

  private CsvReader(
      Path file, CloseableIterator<CsvRecord> rows, List<String> names, Columns columns) {
    this.file = file;
    this.rows = rows;
    this.names = names;
    this.columns = columns;
  }

  static CsvReader open(Path file) throws IOException {
    CloseableIterator<CsvRecord> rows =
        de.siegmar.fastcsv.reader.CsvReader.builder()
            .detectBomHeader(false)
            .extraFieldStrategy(FieldMismatchStrategy.IGNORE)
            .allowUnclosedQuote(false)
            .missingFieldStrategy(FieldMismatchStrategy.IGNORE)
            .maxBufferSize(MAX_CHARACTERS)
            .ofCsvRecord(TextFile.open(file))
            .iterator();
    try {
      Optional<CsvRecord> header = row(file, rows);
      if (header.isEmpty()) {
        throw new FormatException(file, "is empty; expected %s", Columns.EXPECTED);
      }
      List<String> names =
          header.get().getFields().stream().map(name -> name.replace("\uFEFF", "")).toList();
      if (names.stream().distinct().count() < names.size()) {
        throw new FormatException(file, "has a column twice: %s", names);
      }
      return new CsvReader(file, rows, names, Columns.of(file, names));
    } catch (FormatException e) {
      rows.close();
      throw e;
    }
  }

  private static Optional<CsvRecord> row(Path file, CloseableIterator<CsvRecord> rows)
      throws IOException {
    try {
      return rows.hasNext() ? Optional.of(rows.next()) : Optional.empty();
    } catch (UncheckedIOException e) {
      if (e.getCause() instanceof CharacterCodingException) {
        throw new FormatException(file, "is not UTF-8 text; expected " + Columns.EXPECTED, e);
      }
      throw e.getCause();
    } catch (CsvParseException e) {
      throw new FormatException(file, "is not CSV: " + cause(e), e);
    }
  }

  private static String cause(CsvParseException e) {
    return e.getCause() == null
        ? String.valueOf(e.getMessage())
        : e.getMessage() + ": " + e.getCause().getMessage();
  }

  @Override
  public Optional<ReadRecord> next() throws IOException {
    Optional<CsvRecord> row = row(file, rows);
    if (row.isEmpty()) {
      return Optional.empty();
    }
    List<String> fields = row.get().getFields();
    String where = "line " + row.get().getStartingLineNumber();
    if (fields.size() != names.size()) {
      return Optional.of(ReadRecord.bad(where, fields.size() + " cells, expected " + names.size()));
    }
    Map<String, String> cells = new HashMap<>();
    for (int i = 0; i < fields.size(); i++) {
      cells.put(names.get(i), fields.get(i));
    }
    return Optional.of(columns.record(where, cells));
  }

  @Override
  public void close() throws IOException {
    rows.close();
  }
}
