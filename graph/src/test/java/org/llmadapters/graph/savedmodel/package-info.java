@NullMarked
package org.llmadapters.graph.savedmodel;

import org.jspecify.annotations.NullMarked;
