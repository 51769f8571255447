@NullMarked
package org.llmadapters.graph.block;

import org.jspecify.annotations.NullMarked;
