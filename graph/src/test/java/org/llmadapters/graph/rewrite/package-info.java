@NullMarked
package org.llmadapters.graph.rewrite;

import org.jspecify.annotations.NullMarked;
