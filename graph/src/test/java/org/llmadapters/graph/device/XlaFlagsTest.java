package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.NativeLibrary;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class XlaFlagsTest {
  private static final String FLAG = "--xla_cpu_use_thunk_runtime=false";

  @Test
  void startsAnEmptyVariable() {
    assertThat(XlaFlags.merged(null, FLAG)).isEqualTo(FLAG);
    assertThat(XlaFlags.merged(" ", FLAG)).isEqualTo(FLAG);
  }

  @Test
  void addsToWhatTheUserSet() {
    assertThat(XlaFlags.merged("--xla_dump_to=/tmp/x ", FLAG))
        .isEqualTo("--xla_dump_to=/tmp/x " + FLAG);
    // The name of another flag may begin with this one's.
    assertThat(XlaFlags.merged("--xla_cpu_use_thunk_runtime_too=true", FLAG)).endsWith(" " + FLAG);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--xla_cpu_use_thunk_runtime=true",
        "--xla_cpu_use_thunk_runtime",
        "--xla_a=1\t--xla_cpu_use_thunk_runtime=true --xla_b=2",
        " --xla_cpu_use_thunk_runtime=true"
      })
  void whatTheUserSetStays(String value) {
    assertThat(XlaFlags.merged(value, FLAG)).isEqualTo(value);
  }

  @Test
  void aFileOfFlagsStays() {
    assertThat(XlaFlags.merged("/etc/xla.flags", FLAG)).isEqualTo("/etc/xla.flags");
  }

  @ParameterizedTest
  @ValueSource(strings = {"xla_a=1", "--other=1", "--xla_a", "--xla_a=1 --xla_b=2", "--xla_a='1'"})
  void refusesWhatIsNoFlag(String flag) {
    assertThatThrownBy(() -> XlaFlags.set(flag))
        .hasMessage(
            "an XLA flag has the form --xla_name=value or --xla_name=\"value\", got " + flag);
  }

  @Test
  void quotesNamesWithSpaces() {
    assertThat(XlaFlags.of("--xla_dump_to", Path.of("/a/b"))).isEqualTo("--xla_dump_to=/a/b");
    assertThat(XlaFlags.of("--xla_dump_to", Path.of("/a b"))).isEqualTo("--xla_dump_to=\"/a b\"");
  }

  /** Surefire sets XLA_FLAGS as the launcher does; TF_XLA_FLAGS is free. */
  @Test
  void nativeCodeSeesIt() {
    XlaFlags.setForCpu();
    assertThat(environment("XLA_FLAGS")).isEqualTo(FLAG);
    assertThat(XlaFlags.isSet("--tf_xla_persistent_cache_read_only")).isFalse();
    XlaFlags.set("--tf_xla_persistent_cache_read_only=false"); // its default
    XlaFlags.set("--tf_xla_persistent_cache_read_only=true"); // too late
    assertThat(XlaFlags.isSet("--tf_xla_persistent_cache_read_only")).isTrue();
    assertThat(environment("TF_XLA_FLAGS")).isEqualTo("--tf_xla_persistent_cache_read_only=false");
  }

  private static String environment(String name) {
    return NativeLibrary.getInstance("c")
        .getFunction("getenv")
        .invokePointer(new Object[] {name})
        .getString(0);
  }
}
