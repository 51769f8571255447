package org.llmadapters.adapters;

import org.tensorflow.Operand;
import org.tensorflow.types.TFloat32;

/** Makes virtual tokens out of what is trained in their place. */
interface PromptEncoder {

  /**
   * Builds the encoder.
   *
   * @param part declares its parameters and makes its operations
   * @return float32 [P, width]
   */
  Operand<TFloat32> encode(Splice.Part part);
}
