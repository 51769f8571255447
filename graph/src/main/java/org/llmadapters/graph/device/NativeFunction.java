package org.llmadapters.graph.device;

import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.NativeLibrary;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Loader;

/**
 * C++ functions of TensorFlow's libraries that take one integer and return nothing, and for which
 * TensorFlow Java has no binding: they are called by their address.
 */
public final class NativeFunction {
  private static final List<String> LIBRARIES =
      List.of("libtensorflow_framework.so.2", "libtensorflow_cc.so.2");

  /**
   * {@code RTLD_LAZY} alone. JNA's default is to let all libraries loaded later see the symbols of
   * this one: SentencePiece's, which has another Protocol Buffers inside, would end the process.
   */
  private static final Map<String, ?> NOT_GLOBAL = Map.of(Library.OPTION_OPEN_FLAGS, 1);

  private NativeFunction() {}

  /**
   * Calls the function in each of TensorFlow's libraries that has it: in those for GPUs both have
   * copies of some functions and of the variables behind them, and which one the rest of the code
   * reads is up to the linker.
   *
   * @param symbol its mangled name
   * @return false if no library exports it
   */
  public static boolean call(String symbol, int argument) {
    TensorFlowRuntime.load();
    Path binding = Path.of(Loader.load(org.tensorflow.internal.c_api.global.tensorflow.class));
    boolean called = false;
    for (String name : LIBRARIES) {
      Path library = binding.resolveSibling(name);
      if (Files.exists(library)) {
        called |= call(NativeLibrary.getInstance(library.toString(), NOT_GLOBAL), symbol, argument);
      }
    }
    return called;
  }

  private static boolean call(NativeLibrary library, String symbol, int argument) {
    Function function;
    try {
      function = library.getFunction(symbol);
    } catch (UnsatisfiedLinkError e) {
      return false;
    }
    function.invokeVoid(new Object[] {argument});
    return true;
  }
}
