package org.llmadapters.conversion.tokenizer;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.FormatException;

/**
 * What decoding needs of a SentencePiece model, a protocol buffer:
 *
 * <pre>
 *   1 pieces (repeated)   1 piece (string)   3 type (1 normal, 2 unknown, 3 control, 4 user-defined,
 *                         5 unused, 6 byte); a piece's id is its place in the list
 *   2 trainer_spec        41 bos_id   42 eos_id
 *   3 normalizer_spec     2 precompiled_charsmap ({@link CharsMap})
 *                         3 add_dummy_prefix (bool, true if absent)
 *   5 denormalizer_spec   as normalizer_spec
 * </pre>
 *
 * <p>Source: github.com/google/sentencepiece, {@code src/sentencepiece_model.proto}.
 *
 * @param pieces by id
 * @param bosId -1 for none
 * @param eosId -1 for none
 * @param addDummyPrefix a space is put before the text
 */
record SentencePieceModel(List<Piece> pieces, int bosId, int eosId, boolean addDummyPrefix) {
  private static final int MAX_PIECES = 1 << 22;
  private static final int BYTES = WireFormat.WIRETYPE_LENGTH_DELIMITED;
  private static final int NUMBER = WireFormat.WIRETYPE_VARINT;

  enum PieceType {
    NORMAL,
    UNKNOWN,
    CONTROL,
    USER_DEFINED,
    UNUSED,
    BYTE;

    static PieceType of(int number) {
      return switch (number) {
        case 1 -> NORMAL;
        case 2 -> UNKNOWN;
        case 3 -> CONTROL;
        case 4 -> USER_DEFINED;
        case 5 -> UNUSED;
        case 6 -> BYTE;
        default -> throw new IllegalArgumentException("piece type " + number);
      };
    }
  }

  /** One piece of text, with {@code U+2581} for a space. */
  record Piece(String text, PieceType type) {
    /** The value of a byte piece: {@code <0x0A>} is 10. */
    int byteValue() {
      return Integer.parseInt(text.substring(3, 5), 16);
    }
  }

  static SentencePieceModel parse(Path file, byte[] bytes) {
    try {
      return new Parser().parse(CodedInputStream.newInstance(bytes));
    } catch (IOException | IllegalArgumentException e) {
      throw new FormatException(file, "is not a SentencePiece model: " + e.getMessage(), e);
    }
  }

  private static final class Parser {
    private final List<Piece> pieces = new ArrayList<>();
    private int bosId = 1;
    private int eosId = 2;
    private boolean addDummyPrefix = true;

    SentencePieceModel parse(CodedInputStream input) throws IOException {
      fields(
          input,
          tag -> {
            switch (tag) {
              case 1 << 3 | BYTES -> message(input, () -> add(piece(input)));
              case 2 << 3 | BYTES -> message(input, () -> trainerSpec(input));
              // normalizer_spec, denormalizer_spec
              case 3 << 3 | BYTES -> message(input, () -> normalizerSpec(input, true));
              case 5 << 3 | BYTES -> message(input, () -> normalizerSpec(input, false));
              default -> {
                return false;
              }
            }
            return true;
          });
      if (pieces.isEmpty()) {
        throw new IllegalArgumentException("it has no pieces");
      }
      return new SentencePieceModel(
          List.copyOf(pieces), control(bosId), control(eosId), addDummyPrefix);
    }

    private int control(int id) {
      return id >= 0 && id < pieces.size() && pieces.get(id).type() == PieceType.CONTROL ? id : -1;
    }

    private static Piece piece(CodedInputStream input) throws IOException {
      String[] text = {""};
      int[] type = {1};
      fields(
          input,
          tag -> {
            switch (tag) {
              case 1 << 3 | BYTES -> text[0] = input.readStringRequireUtf8();
              case 3 << 3 | NUMBER -> type[0] = input.readEnum();
              default -> {
                return false;
              }
            }
            return true;
          });
      Piece piece = new Piece(text[0], PieceType.of(type[0]));
      if (piece.type() == PieceType.BYTE && !piece.text().matches("<0x[0-9A-F]{2}>")) {
        throw new IllegalArgumentException("byte piece \"" + piece.text() + "\"");
      }
      return piece;
    }

    private void trainerSpec(CodedInputStream input) throws IOException {
      fields(
          input,
          tag -> {
            switch (tag) {
              case 41 << 3 | NUMBER -> bosId = input.readInt32();
              case 42 << 3 | NUMBER -> eosId = input.readInt32();
              default -> {
                return false;
              }
            }
            return true;
          });
    }

    private void normalizerSpec(CodedInputStream input, boolean ofText) throws IOException {
      fields(
          input,
          tag -> {
            switch (tag) {
              case 2 << 3 | BYTES -> {
                byte[] charsMap = input.readByteArray();
                if (charsMap.length > 0) {
                  CharsMap.check(charsMap);
                }
              }
              case 3 << 3 | NUMBER -> {
                boolean value = input.readBool();
                addDummyPrefix = ofText ? value : addDummyPrefix;
              }
              default -> {
                return false;
              }
            }
            return true;
          });
    }

    private void add(Piece piece) {
      if (pieces.size() == MAX_PIECES) {
        throw new IllegalArgumentException("it has more than " + MAX_PIECES + " pieces");
      }
      if (piece.text().indexOf(0) >= 0) { // where native code takes the text to end
        throw new IllegalArgumentException("piece " + pieces.size() + " has a zero byte");
      }
      pieces.add(piece);
    }

    /** Reads the field with this tag, its number and how it is stored; false to skip it. */
    private interface FieldReader {
      boolean read(int tag) throws IOException;
    }

    private interface Body {
      void read() throws IOException;
    }

    private static void fields(CodedInputStream input, FieldReader reader) throws IOException {
      for (int tag = input.readTag(); tag != 0; tag = input.readTag()) {
        if (!reader.read(tag)) {
          input.skipField(tag);
        }
      }
    }

    private static void message(CodedInputStream input, Body body) throws IOException {
      int limit = input.pushLimit(input.readRawVarint32());
      body.read();
      input.checkLastTagWas(0);
      input.popLimit(limit);
    }
  }
}
