package org.llmadapters.conversion.tokenizer;

import ai.djl.sentencepiece.SpTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.tokenizer.SentencePieceModel.Piece;
import org.llmadapters.conversion.tokenizer.SentencePieceModel.PieceType;
import org.llmadapters.conversion.tokenizer.TokenizerSettings.AddedToken;
import org.llmadapters.graph.FormatException;

/**
 * {@code tokenizer.model}: SentencePiece splits the text between added tokens; those, BOS and EOS
 * are handled here as transformers' {@code LlamaTokenizer} does.
 */
final class SentencePieceTokenizer implements Tokenizer {
  private static final long MAX_BYTES = 64L << 20;
  private static final char SPACE = '\u2581';

  /**
   * {@code normalizer_spec { add_dummy_prefix: false }}: a message at the end of a protocol buffer
   * is merged into the one before it.
   */
  private static final byte[] NO_DUMMY_PREFIX = {0x1a, 0x02, 0x18, 0x00};

  private final SpTokenizer tokenizer;
  private final SentencePieceModel model;
  private final TokenizerSettings settings;
  private final OptionalInt bosId;
  private final OptionalInt eosId;
  private final OptionalInt padId;
  private final Map<String, Integer> addedIds;
  private final Map<Integer, String> addedTexts;
  private final Optional<Pattern> addedPattern;

  private SentencePieceTokenizer(
      SpTokenizer tokenizer,
      SentencePieceModel model,
      TokenizerSettings settings,
      Map<String, Integer> addedIds) {
    this.tokenizer = tokenizer;
    this.model = model;
    this.settings = settings;
    this.addedIds = addedIds;
    this.addedTexts = new HashMap<>();
    addedIds.forEach((text, id) -> addedTexts.put(id, text));
    this.addedPattern =
        addedIds.isEmpty()
            ? Optional.empty()
            : Optional.of(
                Pattern.compile(
                    addedIds.keySet().stream()
                        .sorted(Comparator.comparingInt(String::length).reversed())
                        .map(Pattern::quote)
                        .collect(Collectors.joining("|"))));
    this.bosId = id(settings.bosToken(), model.bosId());
    this.eosId = id(settings.eosToken(), model.eosId());
    this.padId = id(settings.padToken(), -1);
  }

  private OptionalInt id(Optional<String> token, int modelId) {
    Optional<Integer> id = token.flatMap(text -> Optional.ofNullable(addedIds.get(text)));
    int found = id.orElse(modelId);
    return found < 0 ? OptionalInt.empty() : OptionalInt.of(found);
  }

  static SentencePieceTokenizer load(Path file, TokenizerSettings settings) throws IOException {
    byte[] bytes = Json.readBytes(file, MAX_BYTES);
    SentencePieceModel model = SentencePieceModel.parse(file, bytes);
    Map<String, Integer> addedIds = addedIds(model, settings);
    boolean ownPrefix = !settings.legacy() && model.addDummyPrefix();
    byte[] loaded = ownPrefix ? concat(bytes, NO_DUMMY_PREFIX) : bytes;
    try {
      return new SentencePieceTokenizer(new SpTokenizer(loaded), model, settings, addedIds);
    } catch (RuntimeException e) { // what the native library throws for all that it dislikes
      throw new FormatException(file, "is not a SentencePiece model: " + e.getMessage(), e);
    }
  }

  private static byte[] concat(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  private static Map<String, Integer> addedIds(
      SentencePieceModel model, TokenizerSettings settings) {
    Map<String, Integer> pieceIds = new HashMap<>();
    for (int id = 0; id < model.pieces().size(); id++) {
      pieceIds.put(model.pieces().get(id).text(), id);
    }
    Map<String, Integer> ids = new HashMap<>();
    Set<Integer> used = new HashSet<>();
    settings
        .addedTokens()
        .forEach(
            (text, token) -> {
              Optional<Integer> id = token.id().or(() -> Optional.ofNullable(pieceIds.get(text)));
              if (id.isEmpty()) {
                return; // named, e.g. as pad_token, but never given an id
              }
              if (!used.add(id.get())) {
                throw new FormatException(
                    token.file(), "two added tokens have the id %d", id.get());
              }
              ids.put(text, id.get());
            });
    return ids;
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    IntStream.Builder ids = IntStream.builder();
    if (addSpecialTokens && settings.addBosToken().orElse(true)) {
      bosId.ifPresent(ids::add);
    }
    encodeSegments(Tokenizers.wellFormed(text), ids);
    if (addSpecialTokens && settings.addEosToken().orElse(false)) {
      eosId.ifPresent(ids::add);
    }
    return ids.build().toArray();
  }

  /** Added tokens are found first; what is between them goes to SentencePiece. */
  private void encodeSegments(String text, IntStream.Builder ids) {
    boolean ownPrefix = !settings.legacy() && model.addDummyPrefix() && !text.isEmpty();
    String prefix = ownPrefix ? String.valueOf(SPACE) : "";
    int start = 0;
    boolean strip = false;
    if (addedPattern.isPresent()) {
      Matcher matcher = addedPattern.get().matcher(text);
      while (matcher.find()) {
        AddedToken token = added(matcher.group());
        String before = text.substring(start, matcher.start());
        before = strip ? before.stripLeading() : before;
        before = token.lstrip() ? before.stripTrailing() : before;
        // A prefix alone before a special token is dropped.
        encodeSegment(before.isEmpty() && token.special() ? "" : prefix + before, ids);
        Optional.ofNullable(addedIds.get(matcher.group())).ifPresent(ids::add);
        prefix = "";
        strip = token.rstrip();
        start = matcher.end();
      }
    }
    String rest = text.substring(start);
    encodeSegment(prefix + (strip ? rest.stripLeading() : rest), ids);
  }

  private AddedToken added(String text) {
    AddedToken token = settings.addedTokens().get(text);
    if (token == null) {
      throw new IllegalStateException("no added token " + text);
    }
    return token;
  }

  private void encodeSegment(String segment, IntStream.Builder ids) {
    if (!segment.isEmpty()) {
      IntStream.of(tokenizer.getProcessor().encode(segment)).forEach(ids::add);
    }
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    Tokenizers.requireNotNegative(ids);
    StringBuilder text = new StringBuilder();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      String added = addedTexts.get(id);
      if (added == null && id >= model.pieces().size()) {
        continue;
      }
      Piece piece =
          added == null ? model.pieces().get(id) : new Piece(added, PieceType.USER_DEFINED);
      if (skipSpecialTokens && isSpecial(piece)) {
        continue;
      }
      if (piece.type() == PieceType.BYTE) {
        bytes.write(piece.byteValue());
        continue;
      }
      flush(bytes, text);
      text.append(added == null ? piece.text().replace(SPACE, ' ') : added);
    }
    flush(bytes, text);
    // The space that encoding puts before the text is not part of it.
    boolean prefixed = model.addDummyPrefix() && text.length() > 0 && text.charAt(0) == ' ';
    return prefixed ? text.substring(1) : text.toString();
  }

  private boolean isSpecial(Piece piece) {
    AddedToken added = settings.addedTokens().get(piece.text());
    return (added != null && added.special())
        || piece.type() == PieceType.CONTROL
        || piece.type() == PieceType.UNKNOWN;
  }

  /** Appends the bytes as UTF-8 or, if they are not, one {@code U+FFFD} for each. */
  private static void flush(ByteArrayOutputStream bytes, StringBuilder text) {
    if (bytes.size() == 0) {
      return;
    }
    try {
      text.append(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes.toByteArray())));
    } catch (CharacterCodingException e) {
      text.append("\ufffd".repeat(bytes.size()));
    }
    bytes.reset();
  }

  @Override
  public OptionalInt bosId() {
    return bosId;
  }

  @Override
  public OptionalInt eosId() {
    return eosId;
  }

  @Override
  public OptionalInt padId() {
    return padId;
  }

  @Override
  public int vocabSize() {
    return Math.max(
        model.pieces().size(), 1 + addedIds.values().stream().mapToInt(id -> id).max().orElse(-1));
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
