package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Library;
import com.sun.jna.NativeLibrary;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NativeFunctionTest {
  private static final String IS_ALLOWED = "_ZN3tsl33tensor_float_32_execution_enabledEv";

  @AfterAll
  static void asBefore() {
    TensorFloat32.allow(false);
  }

  @Test
  void tellsWhatIsNotThere() {
    assertThat(NativeFunction.call("_ZN3tsl7nothingEv", 0)).isFalse();
  }

  /** Every library that has a copy of the switch is told. */
  @ParameterizedTest
  @ValueSource(strings = {"libtensorflow_framework.so.2", "libtensorflow_cc.so.2"})
  void setsTensorFloat32(String name) {
    String binding = Loader.load(org.tensorflow.internal.c_api.global.tensorflow.class);
    Path library = Path.of(binding).resolveSibling(name);
    assertThat(library).matches(Files::exists);
    NativeLibrary natives =
        NativeLibrary.getInstance(library.toString(), Map.of(Library.OPTION_OPEN_FLAGS, 1));
    for (boolean allowed : new boolean[] {true, false, true}) {
      TensorFloat32.allow(allowed);
      int result = natives.getFunction(IS_ALLOWED).invokeInt(new Object[] {}) & 0xff;
      assertThat(result).isEqualTo(allowed ? 1 : 0);
    }
  }
}
