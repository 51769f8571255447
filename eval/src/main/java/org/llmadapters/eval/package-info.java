/** Generation and evaluation with a model in memory, and their commands. */
@NullMarked
package org.llmadapters.eval;

import org.jspecify.annotations.NullMarked;
