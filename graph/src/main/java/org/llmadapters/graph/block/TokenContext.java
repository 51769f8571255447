package org.llmadapters.graph.block;

import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.tensorflow.Operand;
import org.tensorflow.types.TBool;

/**
 * What every layer of one graph needs to know about the tokens.
 *
 * @param shapes B and T
 * @param rotary sines and cosines of their positions, where positions are rotary
 * @param alibi biases by position, where positions enter so
 * @param masks for a window in tokens, bool [B, 1, T, S]: where a query may look at a key
 */
record TokenContext(
    TokenShapes shapes,
    @Nullable RotaryEmbedding rotary,
    @Nullable AlibiBias alibi,
    IntFunction<Operand<TBool>> masks) {}
