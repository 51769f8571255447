/** The main class, which lists the commands of all modules. */
@NullMarked
package org.llmadapters.training.cli;

import org.jspecify.annotations.NullMarked;
