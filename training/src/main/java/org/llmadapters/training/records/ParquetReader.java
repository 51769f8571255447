package org.llmadapters.training.records;

import blue.strategic.parquet.Hydrator;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.parquet.schema.Type;
import org.llmadapters.graph.FormatException;

/** Rows of an Apache Parquet file, of which a group at a time is in memory. */
final class ParquetReader implements RecordReader {
  private final Path file;
  private final blue.strategic.parquet.ParquetReader<
          Map<String, String>, Map<String, String>, String[]>
      rows;
  private final Columns columns;
  private long row;

  private ParquetReader(
      Path file,
      blue.strategic.parquet.ParquetReader<Map<String, String>, Map<String, String>, String[]> rows,
      Columns columns) {
    this.file = file;
    this.rows = rows;
    this.columns = columns;
  }

  static ParquetReader open(Path file) throws IOException {
    File opened = file.toFile();
    try {
      List<String> names = new ArrayList<>();
      for (Type column :
          blue.strategic.parquet.ParquetReader.readMetadata(opened)
              .getFileMetaData()
              .getSchema()
              .getFields()) {
        names.add(column.getName());
        if (!column.isPrimitive()) {
          throw new FormatException(
              file,
              "the column %s has lists or records, which are read from JSON only; expected %s",
              column.getName(),
              Columns.EXPECTED);
        }
      }
      Columns columns = Columns.of(file, names);
      return new ParquetReader(
          file, blue.strategic.parquet.ParquetReader.spliterator(opened, new Cells()), columns);
    } catch (FormatException e) {
      throw e;
    } catch (RuntimeException e) { // what the library throws for all that it dislikes
      throw notParquet(file, e);
    }
  }

  private static FormatException notParquet(Path file, RuntimeException e) {
    return new FormatException(
        file, "is not Parquet: " + e.getMessage() + "; expected " + Columns.EXPECTED, e);
  }

  @Override
  public Optional<ReadRecord> next() throws IOException {
    List<Map<String, String>> read = new ArrayList<>();
    try {
      if (!rows.tryAdvance(read::add)) {
        return Optional.empty();
      }
    } catch (RuntimeException e) {
      throw notParquet(file, e);
    }
    row++;
    return Optional.of(columns.record("row " + row, read.get(0)));
  }

  @Override
  public void close() throws IOException {
    rows.close();
  }

  /** Puts the cells of a row together; one that is null is left out. */
  private static final class Cells
      implements Hydrator<Map<String, String>, Map<String, String>, String[]> {
    @Override
    public Map<String, String> start() {
      return new HashMap<>();
    }

    @Override
    public Map<String, String> add(Map<String, String> cells, String[] path, Object value) {
      if (value != null) {
        cells.put(path[0], value.toString());
      }
      return cells;
    }

    @Override
    public Map<String, String> finish(Map<String, String> cells) {
      return cells;
    }
  }
}
