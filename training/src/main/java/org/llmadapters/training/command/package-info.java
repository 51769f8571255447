/** The command {@code train}: its flags, its recipes, and where its defaults come from. */
@NullMarked
package org.llmadapters.training.command;

import org.jspecify.annotations.NullMarked;
