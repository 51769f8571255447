package org.llmadapters.graph.device;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.tensorflow.internal.c_api.Deallocator_Pointer_long_Pointer;

/**
 * A C++ function of TensorFlow's library that takes one integer and returns nothing, and for which
 * TensorFlow Java has no binding: it is called by its address.
 */
public final class NativeFunction {
  private NativeFunction() {}

  /**
   * Calls the function.
   *
   * @param symbol its mangled name
   * @return false if the library does not export it
   */
  public static boolean call(String symbol, int argument) {
    TensorFlowRuntime.load();
    try (Pointer function = Loader.addressof(symbol)) {
      if (function == null || function.isNull()) {
        return false;
      }
      // The first argument of a function with the signature (pointer, long, pointer) is in the
      // register of an integer's.
      try (PointerPointer<Pointer> slot = new PointerPointer<>(1);
          Integer32 dressed = new Integer32(argument)) {
        slot.put(0, function);
        new Deallocator_Pointer_long_Pointer(slot).call(dressed, 0, dressed);
      }
      return true;
    }
  }

  /** An integer dressed as a pointer. */
  private static final class Integer32 extends Pointer {
    Integer32(int value) {
      super((Pointer) null);
      address = value;
    }
  }
}
