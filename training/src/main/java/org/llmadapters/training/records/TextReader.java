package org.llmadapters.training.records;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.Optional;
import org.llmadapters.conversion.files.TextFile;
import org.llmadapters.graph.FormatException;

/**
 * One text, in pieces of about 2^16 characters, which tokenizers take well. A piece ends with a
 * line break before a line that does not begin with white space, where no tokenizer would have made
 * one token of what is before and behind; or, if there is none, after 2^20 characters.
 */
final class TextReader implements RecordReader {
  static final String EXPECTED = "UTF-8 text";

  private static final int PIECE = 1 << 16;
  private static final int LONGEST_PIECE = 1 << 20;

  private final Path file;
  private final BufferedReader reader;
  private int ahead;
  private int pieces;

  private TextReader(Path file, BufferedReader reader) {
    this.file = file;
    this.reader = reader;
  }

  static TextReader open(Path file) throws IOException {
    return new TextReader(file, TextFile.open(file));
  }

  private int read() throws IOException {
    try {
      return reader.read();
    } catch (CharacterCodingException e) {
      throw new FormatException(file, "is not UTF-8 text", e);
    }
  }

  @Override
  public Optional<ReadRecord> next() throws IOException {
    if (pieces == 0) {
      ahead = read();
      ahead = ahead == '\uFEFF' ? read() : ahead;
    }
    if (ahead < 0) {
      return Optional.empty();
    }
    StringBuilder piece = new StringBuilder();
    while (ahead >= 0 && !isEnd(piece)) {
      piece.append((char) ahead);
      ahead = read();
    }
    pieces++;
    return Optional.of(
        ReadRecord.good(
            "piece " + pieces, new TrainingRecord.Text(piece.toString(), pieces == 1, ahead < 0)));
  }

  private boolean isEnd(StringBuilder piece) {
    int length = piece.length();
    if (length < PIECE) {
      return false;
    }
    boolean lineBreak = piece.charAt(length - 1) == '\n' && !Character.isWhitespace(ahead);
    return lineBreak || (length >= LONGEST_PIECE && !Character.isLowSurrogate((char) ahead));
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
