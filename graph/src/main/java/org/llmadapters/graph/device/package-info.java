/** The device that sessions compute on, and what this process tells TensorFlow about it. */
@NullMarked
package org.llmadapters.graph.device;

import org.jspecify.annotations.NullMarked;
