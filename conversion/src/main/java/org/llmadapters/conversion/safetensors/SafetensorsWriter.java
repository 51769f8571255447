package org.llmadapters.conversion.safetensors;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llmadapters.conversion.files.AtomicFile;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.tensors.TensorCodec;
import org.llmadapters.graph.config.WeightDtype;

/**
 * Writes a safetensors file (layout: {@link SafetensorsFile}), tensor by tensor in the order given
 * at the start. The file appears under its name when {@link #commit} is called.
 *
 * <pre>
 *   try (SafetensorsWriter writer = SafetensorsWriter.create(file, entries, METADATA)) {
 *     writer.write("norm.weight", values);
 *     writer.write("embed_tokens.weight", out -&gt; source.copyTo(tensor, dtype, out));
 *     writer.commit();
 *   }
 * </pre>
 */
public final class SafetensorsWriter implements AutoCloseable {
  /** What Hugging Face's readers expect to find. */
  public static final Map<String, String> METADATA = Map.of("format", "pt");

  private final Path file;
  private final AtomicFile output;
  private final FileChannel channel;
  private final List<Entry> entries;
  private int written;

  private SafetensorsWriter(
      Path file, AtomicFile output, FileChannel channel, List<Entry> entries) {
    this.file = file;
    this.output = output;
    this.channel = channel;
    this.entries = entries;
  }

  /**
   * One tensor to be written.
   *
   * @param name its name, unique in the file
   * @param dtype of its elements
   * @param shape empty for a scalar
   */
  public record Entry(String name, WeightDtype dtype, List<Long> shape) {
    public Entry {
      shape = List.copyOf(shape);
      if (name.equals(SafetensorsHeader.METADATA) || shape.stream().anyMatch(size -> size < 0)) {
        throw new IllegalArgumentException("not a tensor: " + name + " " + shape);
      }
    }

    /** Size in bytes. */
    public long bytes() {
      return shape.stream().reduce((long) dtype.bytes(), Math::multiplyExact);
    }
  }

  /** Writes the bytes of one tensor, little-endian, row-major. */
  @FunctionalInterface
  public interface Source {
    /** Writes all bytes to {@code out}. */
    void writeTo(WritableByteChannel out) throws IOException;
  }

  /**
   * Writes the header; the caller closes.
   *
   * @throws IllegalArgumentException if two entries have the same name
   * @throws IOException if writing fails
   */
  public static SafetensorsWriter create(
      Path file, List<Entry> entries, Map<String, String> metadata) throws IOException {
    byte[] header = header(entries, metadata);
    AtomicFile output = AtomicFile.create(file);
    FileChannel channel = FileChannel.open(output.path(), StandardOpenOption.WRITE);
    SafetensorsWriter writer = new SafetensorsWriter(file, output, channel, List.copyOf(entries));
    try {
      ByteBuffer start = ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN);
      TensorCodec.writeAll(channel, start.putLong(header.length).put(header).flip());
      return writer;
    } catch (IOException e) {
      writer.close();
      throw e;
    }
  }

  private static byte[] header(List<Entry> entries, Map<String, String> metadata) {
    ObjectNode json = Json.object();
    if (!metadata.isEmpty()) {
      ObjectNode strings = json.putObject(SafetensorsHeader.METADATA);
      metadata.forEach(strings::put);
    }
    Set<String> names = new HashSet<>();
    long offset = 0;
    for (Entry entry : entries) {
      if (!names.add(entry.name())) {
        throw new IllegalArgumentException("two tensors are called " + entry.name());
      }
      ObjectNode tensor = json.putObject(entry.name());
      tensor.put("dtype", entry.dtype().safetensorsName());
      entry.shape().forEach(tensor.putArray("shape")::add);
      long end = Math.addExact(offset, entry.bytes());
      tensor.putArray("data_offsets").add(offset).add(end);
      offset = end;
    }
    String text = json.toString();
    int length = text.getBytes(StandardCharsets.UTF_8).length;
    // Spaces up to a multiple of 8, so that the data can be mapped into memory aligned.
    return (text + " ".repeat((8 - length % 8) % 8)).getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Writes the next tensor.
   *
   * @param name of the next entry
   * @throws IllegalArgumentException if the next entry has another name, or {@code source} writes
   *     another number of bytes than it has
   * @throws IOException if writing fails
   */
  public void write(String name, Source source) throws IOException {
    Entry entry = next(name);
    long start = channel.position();
    source.writeTo(channel);
    long count = channel.position() - start;
    if (count != entry.bytes()) {
      throw new IllegalArgumentException(
          file + ": " + entry + " got " + count + " bytes, expected " + entry.bytes());
    }
    written++;
  }

  /**
   * Writes the next tensor from {@code values}, row-major, rounded to the entry's dtype.
   *
   * @throws IllegalArgumentException if the next entry has another name or number of elements
   * @throws IOException if writing fails
   */
  public void write(String name, float[] values) throws IOException {
    WeightDtype dtype = next(name).dtype();
    write(
        name,
        out -> {
          int chunk = TensorCodec.CHUNK_BYTES / Float.BYTES;
          float[] part = new float[Math.min(chunk, values.length)];
          ByteBuffer bytes =
              ByteBuffer.allocateDirect(part.length * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
          for (int done = 0; done < values.length; ) {
            int count = Math.min(part.length, values.length - done);
            System.arraycopy(values, done, part, 0, count);
            TensorCodec.encode(dtype, part, count, bytes.clear());
            TensorCodec.writeAll(out, bytes.flip());
            done += count;
          }
        });
  }

  private Entry next(String name) {
    if (written == entries.size() || !entries.get(written).name().equals(name)) {
      throw new IllegalArgumentException(
          file
              + ": the next tensor is "
              + (written == entries.size() ? "none" : entries.get(written).name())
              + ", got "
              + name);
    }
    return entries.get(written);
  }

  /**
   * Gives the file its name.
   *
   * @throws IllegalStateException if a tensor has not been written
   * @throws IOException if writing fails
   */
  public void commit() throws IOException {
    if (written != entries.size()) {
      throw new IllegalStateException(file + ": not written yet: " + entries.get(written).name());
    }
    channel.force(true);
    channel.close();
    output.commit();
  }

  /** Deletes what was written unless it was committed. */
  @Override
  public void close() throws IOException {
    try (output) {
      channel.close();
    }
  }
}
