/** Training: the composition root and its command line. */
@NullMarked
package org.llmadapters.training;

import org.jspecify.annotations.NullMarked;
