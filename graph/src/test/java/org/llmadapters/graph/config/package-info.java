@NullMarked
package org.llmadapters.graph.config;

import org.jspecify.annotations.NullMarked;
