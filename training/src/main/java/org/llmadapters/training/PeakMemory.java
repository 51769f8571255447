package org.llmadapters.training;

import java.io.IOException;
import java.util.OptionalLong;

/** The most memory this process ever had resident, native memory included. */
public final class PeakMemory {
  private PeakMemory() {}

  /** {@code VmHWM} in MiB; empty where the system does not tell. */
  public static OptionalLong mebibytes() throws IOException {
    return ProcessStatus.mebibytes("VmHWM");
  }
}
