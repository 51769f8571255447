@NullMarked
package org.llmadapters.graph.device;

import org.jspecify.annotations.NullMarked;
