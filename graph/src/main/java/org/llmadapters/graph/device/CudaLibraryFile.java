package org.llmadapters.graph.device;

import java.nio.file.Path;
import java.util.Optional;

/**
 * One of CUDA's libraries.
 *
 * @param name of the file
 * @param file where it is; empty if it is missing
 */
public record CudaLibraryFile(String name, Optional<Path> file) {}
