/** Pure functions {@code GraphDef -> GraphDef}, and the sites at which they act. */
@NullMarked
package org.llmadapters.graph.rewrite;

import org.jspecify.annotations.NullMarked;
