package org.llmadapters.graph.block;

import org.tensorflow.Operand;
import org.tensorflow.types.TBool;

/**
 * What every layer of one graph needs to know about the tokens.
 *
 * @param shapes B and T
 * @param rotary sines and cosines of their positions
 * @param mask bool [B, 1, T, S]: true where a query may look at a key
 */
record TokenContext(TokenShapes shapes, RotaryEmbedding rotary, Operand<TBool> mask) {}
