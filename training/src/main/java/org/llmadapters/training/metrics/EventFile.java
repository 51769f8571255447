package org.llmadapters.training.metrics;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.tensorflow.proto.Event;
import org.tensorflow.proto.SessionLog;
import org.tensorflow.proto.Summary;

/**
 * Writes scalars for TensorBoard: {@code events.out.tfevents.SECONDS}, a sequence of {@link Event}s
 * framed as TFRecords:
 *
 * <pre>
 *   uint64 length    uint32 masked CRC of the length    bytes    uint32 masked CRC of the bytes
 * </pre>
 *
 * little-endian, with the CRC-32C rotated right by 15 and 0xa282ead8 added.
 *
 * <p>Each start of a run writes a file of its own. It begins with a {@link SessionLog} {@code
 * START} at the first step, on which TensorBoard drops what earlier files say of that step and
 * later ones: so a run that goes on after step n has every step once, and no file that TensorBoard
 * may be reading is ever changed.
 *
 * <p>Source: tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto, and the
 * purging in tensorboard/backend/event_processing/event_accumulator.py.
 */
public final class EventFile implements Closeable {
  /** Name of the folder with the files in a run's folder. */
  public static final String FOLDER = "tensorboard";

  private static final Pattern NAME = Pattern.compile("events\\.out\\.tfevents\\.(\\d{1,18})");
  private static final int MASK_DELTA = 0xa282ead8;

  private final OutputStream out;

  private EventFile(OutputStream out) {
    this.out = out;
  }

  /**
   * Starts a file in {@code folder}, which is made as needed.
   *
   * @param firstStep that will be written
   */
  public static EventFile start(Path folder, long firstStep) throws IOException {
    Files.createDirectories(folder);
    Path file = folder.resolve("events.out.tfevents." + number(folder));
    EventFile events =
        new EventFile(
            new BufferedOutputStream(Files.newOutputStream(file, StandardOpenOption.CREATE_NEW)));
    try {
      events.append(event(0).setFileVersion("brain.Event:2"));
      events.append(
          event(firstStep)
              .setSessionLog(SessionLog.newBuilder().setStatus(SessionLog.SessionStatus.START)));
      events.out.flush();
    } catch (IOException e) {
      events.close();
      throw e;
    }
    return events;
  }

  /** Whether {@code file} has the name of a file written here. */
  public static boolean isNamedAsOne(Path file) {
    return NAME.matcher(file.getFileName().toString()).matches();
  }

  /** TensorBoard reads files in the order of their names: a new one comes after all others. */
  private static long number(Path folder) throws IOException {
    long number = System.currentTimeMillis() / 1000;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Matcher name = NAME.matcher(file.getFileName().toString());
        if (name.matches()) {
          number = Math.max(number, Long.parseLong(name.group(1)) + 1);
        }
      }
    }
    return number;
  }

  /**
   * Appends the values of one step; they are in the file when this returns.
   *
   * @param values by their tags, such as {@code train/loss}
   */
  public void write(long step, Map<String, Double> values) throws IOException {
    Summary.Builder summary = Summary.newBuilder();
    values.forEach(
        (tag, value) ->
            summary.addValue(
                Summary.Value.newBuilder().setTag(tag).setSimpleValue(value.floatValue())));
    append(event(step).setSummary(summary));
    out.flush();
  }

  private static Event.Builder event(long step) {
    return Event.newBuilder().setWallTime(System.currentTimeMillis() / 1000.0).setStep(step);
  }

  private void append(Event.Builder event) throws IOException {
    byte[] bytes = event.build().toByteArray();
    ByteBuffer record =
        ByteBuffer.allocate(8 + 4 + bytes.length + 4).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(bytes.length);
    record.putInt(maskedCrc(record.array(), 8));
    record.put(bytes);
    record.putInt(maskedCrc(bytes, bytes.length));
    out.write(record.array());
  }

  /** Of the first {@code length} bytes. */
  private static int maskedCrc(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return Integer.rotateRight((int) crc.getValue(), 15) + MASK_DELTA;
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
