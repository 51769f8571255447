package org.llmadapters.adapters;

import java.util.List;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.Weight;
import org.tensorflow.Operand;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/** What an adapter may ask for while it builds its part of the graph at one site. */
interface AdapterParameters {

  /**
   * A trained parameter: float32 [shape]. Only what is declared here is ever trained.
   *
   * @param name relative to the site's module: {@code lora_A.weight}
   */
  Operand<TFloat32> trainable(String name, List<Long> shape, Initializer initializer);

  /** dtype [out, in] or [in, out], as it is stored: the layer's weight, which is not trained. */
  Operand<TFloating> weight();

  /** The variable that holds {@link #weight}. */
  Weight weightVariable();

  /** dtype [B * T, out]: what the layer computes before it adds a bias. */
  Operand<TFloating> product();

  /** Whether the graph is for training, where dropout acts. */
  boolean training();

  /** int32 [2]: a seed for this site alone, new in every training step. */
  Operand<TInt32> dropoutSeed();
}
