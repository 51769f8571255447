/** The decoder that all families share: {@code Ops} in, {@code Operand} out. */
@NullMarked
package org.llmadapters.graph.block;

import org.jspecify.annotations.NullMarked;
