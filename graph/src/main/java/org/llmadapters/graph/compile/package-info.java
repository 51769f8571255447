/** Functions out of flat graphs, XLA, gradients and session options. */
@NullMarked
package org.llmadapters.graph.compile;

import org.jspecify.annotations.NullMarked;
