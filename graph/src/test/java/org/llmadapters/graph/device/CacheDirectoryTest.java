package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class CacheDirectoryTest {
  private static final Path HOME = Path.of("/home/ada");

  @Test
  void isWhereTheEnvironmentSays() {
    assertThat(of(Map.of())).isEqualTo(Path.of("/home/ada/.cache/llm-adapters"));
    assertThat(of(Map.of("XDG_CACHE_HOME", "/caches"))).isEqualTo(Path.of("/caches/llm-adapters"));
    assertThat(of(Map.of("XDG_CACHE_HOME", "caches")))
        .as("the XDG specification ignores relative paths")
        .isEqualTo(Path.of("/home/ada/.cache/llm-adapters"));
    assertThat(of(Map.of("XDG_CACHE_HOME", "/caches", "LLM_ADAPTERS_CACHE", "/mine")))
        .isEqualTo(Path.of("/mine"));
  }

  private static Path of(Map<String, String> environment) {
    return CacheDirectory.of(environment, HOME);
  }
}
