/** How far a long piece of work has come, on standard error. */
@NullMarked
package org.llmadapters.conversion.progress;

import org.jspecify.annotations.NullMarked;
