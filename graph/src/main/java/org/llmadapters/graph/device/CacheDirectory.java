package org.llmadapters.graph.device;

import java.nio.file.Path;
import java.util.Map;

/** Where this program keeps what it can make again. */
public final class CacheDirectory {
  /** Names another folder than the default. */
  static final String VARIABLE = "LLM_ADAPTERS_CACHE";

  private CacheDirectory() {}

  /**
   * {@code LLM_ADAPTERS_CACHE}, or {@code llm-adapters} in {@code XDG_CACHE_HOME}, or {@code
   * ~/.cache/llm-adapters}.
   */
  public static Path ofUser() {
    return of(System.getenv(), Path.of(System.getProperty("user.home")));
  }

  static Path of(Map<String, String> environment, Path home) {
    String own = environment.getOrDefault(VARIABLE, "");
    if (!own.isBlank()) {
      return Path.of(own);
    }
    String caches = environment.getOrDefault("XDG_CACHE_HOME", "");
    // The specification has relative paths ignored.
    boolean usable = !caches.isBlank() && Path.of(caches).isAbsolute();
    return (usable ? Path.of(caches) : home.resolve(".cache")).resolve("llm-adapters");
  }
}
