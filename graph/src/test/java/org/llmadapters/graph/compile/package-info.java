@NullMarked
package org.llmadapters.graph.compile;

import org.jspecify.annotations.NullMarked;
