@NullMarked
package org.llmadapters.adapters;

import org.jspecify.annotations.NullMarked;
