package org.llmadapters.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hashing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tensorflow.proto.Event;
import org.tensorflow.proto.SessionLog.SessionStatus;
import org.tensorflow.proto.Summary;

final class EventFileTest {
  @TempDir Path folder;

  /** One value as TensorBoard shows it. */
  private record Point(long step, String tag, float value) {}

  @Test
  void framesEventsAsRecordsWithTheirChecksums() throws IOException {
    try (EventFile events = EventFile.start(folder, 1)) {
      events.write(1, Map.of("train/loss", 1.5));
    }
    List<Event> events = read(only(folder));
    assertThat(events).hasSize(3);
    assertThat(events.get(0).getFileVersion()).isEqualTo("brain.Event:2");
    assertThat(events.get(1).getSessionLog().getStatus()).isEqualTo(SessionStatus.START);
    assertThat(events.get(1).getStep()).isEqualTo(1);
    assertThat(events.get(2).getStep()).isEqualTo(1);
    Summary.Value value = events.get(2).getSummary().getValue(0);
    assertThat(value.getTag()).isEqualTo("train/loss");
    assertThat(value.getSimpleValue()).isEqualTo(1.5f);
    double now = System.currentTimeMillis() / 1000.0;
    assertThat(events.get(2).getWallTime()).isBetween(now - 60, now);
  }

  @Test
  void valuesAreInTheFileAtOnce() throws IOException {
    try (EventFile events = EventFile.start(folder, 1)) {
      assertThat(read(only(folder))).hasSize(2);
      events.write(1, Map.of("train/loss", Double.NaN));
      assertThat(read(only(folder)).get(2).getSummary().getValue(0).getSimpleValue()).isNaN();
    }
  }

  @Test
  void aRunThatGoesOnHasEveryStepOnce() throws IOException {
    for (long[] steps : new long[][] {{1, 5}, {3, 4}, {4, 6}}) {
      try (EventFile events = EventFile.start(folder, steps[0])) {
        for (long step = steps[0]; step <= steps[1]; step++) {
          events.write(step, Map.of("train/loss", steps[0] + step / 16.0));
        }
      }
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).hasSize(3).allMatch(EventFile::isNamedAsOne);
    }
    assertThat(shown())
        .containsExactly(
            new Point(1, "train/loss", 1.0625f),
            new Point(2, "train/loss", 1.125f),
            new Point(3, "train/loss", 3.1875f),
            new Point(4, "train/loss", 4.25f),
            new Point(5, "train/loss", 4.3125f),
            new Point(6, "train/loss", 4.375f));
  }

  /** As TensorBoard: files by name, and a START drops what there was of its step and later ones. */
  private List<Point> shown() throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files = all.sorted().toList();
    }
    List<Point> points = new ArrayList<>();
    for (Path file : files) {
      for (Event event : read(file)) {
        if (event.getSessionLog().getStatus() == SessionStatus.START) {
          points.removeIf(point -> point.step() >= event.getStep());
        }
        event
            .getSummary()
            .getValueList()
            .forEach(
                value ->
                    points.add(new Point(event.getStep(), value.getTag(), value.getSimpleValue())));
      }
    }
    return points;
  }

  private static Path only(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList().get(0);
    }
  }

  /** Reads TFRecords, with Guava's CRC-32C. */
  private static List<Event> read(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<Event> events = new ArrayList<>();
    while (bytes.hasRemaining()) {
      byte[] length = new byte[8];
      bytes.get(length);
      assertThat(bytes.getInt()).isEqualTo(masked(length));
      byte[] event =
          new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      bytes.get(event);
      assertThat(bytes.getInt()).isEqualTo(masked(event));
      events.add(Event.parseFrom(event));
    }
    return events;
  }

  /** {@code ((crc >> 15) | (crc << 17)) + 0xa282ead8}, as crc32c.h has it. */
  private static int masked(byte[] bytes) {
    int crc = Hashing.crc32c().hashBytes(bytes).asInt();
    return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  }
}
