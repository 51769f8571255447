package org.llmadapters.training.records;

import com.google.common.primitives.Ints;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.llmadapters.conversion.files.JsonRecord;
import org.llmadapters.conversion.files.JsonRecordReader;
import org.llmadapters.eval.prompt.ChatMessage;
import org.llmadapters.graph.FormatException;

/** Records in JSON; see {@link RecordFile}. */
final class JsonReader implements RecordReader {
  static final String EXPECTED =
      "records {\"instruction\": ..., \"input\": ..., \"output\": ...}, {\"messages\":"
          + " [{\"role\": ..., \"content\": ...}]}, {\"conversations\": [{\"from\": ...,"
          + " \"value\": ...}]}, {\"text\": ...} or {\"input_ids\": [...], \"labels\": [...]}";

  private static final Set<String> KINDS =
      Set.of("instruction", "messages", "conversations", "text", "input_ids");
  private static final int IGNORED_LABEL = -100;

  /** Who speaks: the names of ShareGPT and of OpenAI, and the latter. */
  private static final Map<String, String> ROLES =
      Map.of(
          "human",
          "user",
          "user",
          "user",
          "gpt",
          "assistant",
          "assistant",
          "assistant",
          "system",
          "system",
          "tool",
          "tool");

  private final Path file;
  private final JsonRecordReader reader;
  private boolean first = true;

  private JsonReader(Path file, JsonRecordReader reader) {
    this.file = file;
    this.reader = reader;
  }

  static JsonReader open(Path file) throws IOException {
    return new JsonReader(file, JsonRecordReader.open(file, EXPECTED));
  }

  @Override
  public Optional<ReadRecord> next() throws IOException {
    Optional<JsonRecord> next = reader.next();
    if (next.isEmpty()) {
      return Optional.empty();
    }
    JsonRecord record = next.get();
    if (reader.isBroken()) {
      throw new FormatException(
          file, "%s: %s; expected %s", record.where(), record.problems().get(0), EXPECTED);
    }
    boolean readable = record.problems().isEmpty();
    if (readable && first && KINDS.stream().noneMatch(record::has)) {
      throw new FormatException(
          file, "%s has the keys %s; expected %s", record.where(), record.names(), EXPECTED);
    }
    first = first && !readable;
    Optional<TrainingRecord> value = readable ? parse(record) : Optional.empty();
    return Optional.of(new ReadRecord(record.where(), value, record.problems()));
  }

  private static Optional<TrainingRecord> parse(JsonRecord record) {
    if (record.has("input_ids")) {
      return tokenized(record);
    }
    if (record.has("messages")) {
      return conversation(record, "messages", "role", "content");
    }
    if (record.has("conversations")) {
      return conversation(record, "conversations", "from", "value");
    }
    if (record.has("text") && !record.has("instruction")) {
      String text = record.text("text");
      return record.ifSound(() -> new TrainingRecord.Text(text, true, true));
    }
    String instruction = record.text("instruction");
    String input = record.text("input", "");
    String output = record.text("output");
    return record.ifSound(() -> new TrainingRecord.Alpaca(instruction, input, output));
  }

  private static Optional<TrainingRecord> conversation(
      JsonRecord record, String list, String who, String what) {
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonRecord turn : record.objects(list)) {
      String name = turn.text(who);
      String content = turn.text(what);
      String role = ROLES.getOrDefault(name, "");
      if (turn.has(who) && role.isEmpty()) {
        turn.problem(
            "\"%s\" must be human, gpt, user, assistant, system or tool, got \"%s\"", who, name);
      }
      messages.add(new ChatMessage(role, content));
    }
    if (record.problems().isEmpty() && messages.stream().noneMatch(ChatMessage::isAssistant)) {
      record.problem("\"%s\" has no turn of the assistant to learn from", list);
    }
    return record.ifSound(() -> new TrainingRecord.Conversation(messages));
  }

  private static Optional<TrainingRecord> tokenized(JsonRecord record) {
    int[] inputIds = record.ints("input_ids");
    int[] labels = record.has("labels") ? record.ints("labels") : inputIds;
    if (record.problems().isEmpty()) {
      check(record, inputIds, labels);
    }
    return record.ifSound(
        () -> new TrainingRecord.Tokenized(Ints.asList(inputIds), Ints.asList(labels)));
  }

  private static void check(JsonRecord record, int[] inputIds, int[] labels) {
    if (inputIds.length == 0) {
      record.problem("\"input_ids\" is empty");
    }
    if (inputIds.length != labels.length) {
      record.problem(
          "%d input_ids and %d labels, expected as many", inputIds.length, labels.length);
    }
    for (int i = 0; i < inputIds.length; i++) {
      if (inputIds[i] < 0) {
        record.problem("input_ids[%d] must be >= 0, got %d", i, inputIds[i]);
        return;
      }
    }
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] < 0 && labels[i] != IGNORED_LABEL) {
        record.problem("labels[%d] must be >= 0 or -100, got %d", i, labels[i]);
        return;
      }
    }
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
