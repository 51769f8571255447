/** How a decoder block is wired and what its modules are called: no sizes, no TensorFlow types. */
@NullMarked
package org.llmadapters.graph.spec;

import org.jspecify.annotations.NullMarked;
