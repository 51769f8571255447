@NullMarked
package org.llmadapters.conversion.tensors;

import org.jspecify.annotations.NullMarked;
