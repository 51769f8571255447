package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import org.llmadapters.conversion.progress.Progress;

/** Passes bytes on and reports them as progress. */
public final class CountingChannel implements WritableByteChannel {
  private final WritableByteChannel channel;
  private final Progress progress;

  /** A channel in front of {@code channel}. */
  public CountingChannel(WritableByteChannel channel, Progress progress) {
    this.channel = channel;
    this.progress = progress;
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int written = channel.write(source);
    progress.advance(written);
    return written;
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
