@NullMarked
package org.llmadapters.graph;

import org.jspecify.annotations.NullMarked;
