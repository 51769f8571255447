@NullMarked
package org.llmadapters.graph.arch;

import org.jspecify.annotations.NullMarked;
