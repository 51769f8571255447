/** Frozen weights in 8 or 4 bits, and the part of a graph that makes numbers of them again. */
@NullMarked
package org.llmadapters.graph.quantize;

import org.jspecify.annotations.NullMarked;
