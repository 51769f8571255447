package org.llmadapters.conversion;

import java.util.Locale;

/** Large numbers as people read them. */
public final class SizeText {
  private SizeText() {}

  /** {@code 6738415616 (6.74 billion)}. */
  public static String count(long count) {
    if (count < 1_000_000) {
      return Long.toString(count);
    }
    boolean billions = count >= 1_000_000_000;
    return String.format(
        Locale.ROOT,
        "%d (%.2f %s)",
        count,
        count / (billions ? 1e9 : 1e6),
        billions ? "billion" : "million");
  }

  /** {@code 12.55 GiB}. */
  public static String bytes(long bytes) {
    String[] units = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
      return bytes + " bytes";
    }
    double size = bytes / 1024.0;
    int unit = 0;
    while (size >= 1024 && unit < units.length - 1) {
      size /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, "%.2f %s", size, units[unit]);
  }
}
