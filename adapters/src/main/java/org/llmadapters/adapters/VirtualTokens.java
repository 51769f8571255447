package org.llmadapters.adapters;

import java.util.List;
import java.util.Optional;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.Operand;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.TensorProto;
import org.tensorflow.proto.TensorShapeProto;
import org.tensorflow.types.TFloat32;

/** The trained tensor of prefix tuning, prompt tuning and P-tuning, and its room in the cache. */
final class VirtualTokens {
  private VirtualTokens() {}

  /**
   * Puts the tensor, or the encoder that gives it, into the graph and keeps the first slots of the
   * decode graph for it.
   *
   * @param rows P
   * @param encoder of what is trained in its place, if there is one
   * @param initializer where there is no encoder
   * @return name of the tensor: float32 [P, width]
   * @throws IllegalArgumentException if the graph has virtual tokens already
   */
  static String addTo(
      Splice splice,
      int rows,
      long width,
      Optional<PromptEncoder> encoder,
      Initializer initializer) {
    requireNone(splice);
    splice.add(count(rows));
    try (Splice.Part part = splice.part("")) {
      boolean encoded = encoder.isPresent() && splice.mode().trained();
      Operand<TFloat32> value =
          encoded
              ? encoder.get().encode(part)
              : part.trainable(
                  new AdapterParameter(
                      AdapterParameter.PROMPT_EMBEDDINGS,
                      List.of((long) rows, width),
                      initializer));
      String name = part.nameOf(part.tf().withName("virtual_tokens").identity(value));
      if (encoded) {
        splice.computes(AdapterParameter.PROMPT_EMBEDDINGS, name);
      }
      return name;
    }
  }

  /**
   * Checks that no other adapter has virtual tokens.
   *
   * @throws IllegalArgumentException if one has
   */
  static void requireNone(Splice splice) {
    if (splice.has(Sites.VIRTUAL_TOKENS)) {
      throw new IllegalArgumentException(
          "the graph has virtual tokens of another adapter already; only one of prefix, prompt and"
              + " p-tuning can be used at a time");
    }
  }

  /** P trained vectors, normally distributed at first. */
  static PromptEncoder embedding(int rows, int width) {
    return part ->
        part.trainable(
            new AdapterParameter(
                "prompt_encoder.embedding.weight",
                List.of((long) rows, (long) width),
                new Initializer.Normal(1)));
  }

  private static NodeDef count(int rows) {
    return NodeDef.newBuilder()
        .setName(Sites.VIRTUAL_TOKENS)
        .setOp("Const")
        .putAttr("dtype", VariableNodes.type(DataType.DT_INT32))
        .putAttr(
            "value",
            AttrValue.newBuilder()
                .setTensor(
                    TensorProto.newBuilder()
                        .setDtype(DataType.DT_INT32)
                        .setTensorShape(TensorShapeProto.getDefaultInstance())
                        .addIntVal(rows))
                .build())
        .build();
  }
}
