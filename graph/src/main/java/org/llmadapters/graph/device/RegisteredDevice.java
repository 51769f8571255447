package org.llmadapters.graph.device;

/**
 * A device as TensorFlow registered it.
 *
 * @param name such as {@code /job:localhost/replica:0/task:0/device:GPU:0}
 * @param type such as {@code CPU} or {@code GPU}
 * @param memoryLimit bytes that TensorFlow allocates there at most
 */
public record RegisteredDevice(String name, String type, long memoryLimit) {}
