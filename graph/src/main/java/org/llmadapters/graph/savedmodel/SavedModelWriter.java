package org.llmadapters.graph.savedmodel;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.SavedModel;
import org.tensorflow.proto.SaverDef;
import org.tensorflow.proto.SignatureDef;

/**
 * Writes {@code saved_model.pb}, the graph of a SavedModel:
 *
 * <pre>
 *   SavedModel {
 *     saved_model_schema_version: 1
 *     meta_graphs {
 *       meta_info_def {tags: "serve", tensorflow_version: "2.18.0"}
 *       graph_def, saver_def, signature_def
 *     }
 *   }
 * </pre>
 *
 * Its variables are written by {@link TensorBundleWriter} with the prefix {@code
 * variables/variables} in the same directory.
 */
public final class SavedModelWriter {
  static final String FILE = "saved_model.pb";
  static final String TAG = "serve";

  private static final int SCHEMA_VERSION = 1;
  private static final String TENSORFLOW_VERSION = "2.18.0";

  private SavedModelWriter() {}

  /** The prefix of the TensorBundle with the variables of the SavedModel in {@code directory}. */
  public static Path variables(Path directory) {
    return directory.resolve("variables").resolve("variables");
  }

  /**
   * Writes {@code saved_model.pb}; one that exists is replaced.
   *
   * @param directory is created if it does not exist
   * @param graph with the nodes that {@code saverDef} names, see {@link VariableSaver#addTo}
   * @param signatures by name; a placeholder's {@code TensorInfo} must have exactly its shape, -1
   *     for an unknown dimension, or the model cannot be loaded
   * @throws IllegalArgumentException if the graph has 2 GiB or more
   */
  public static void write(
      Path directory, GraphDef graph, Map<String, SignatureDef> signatures, SaverDef saverDef)
      throws IOException {
    SavedModel model =
        SavedModel.newBuilder()
            .setSavedModelSchemaVersion(SCHEMA_VERSION)
            .addMetaGraphs(
                MetaGraphDef.newBuilder()
                    .setMetaInfoDef(
                        MetaGraphDef.MetaInfoDef.newBuilder()
                            .addTags(TAG)
                            .setTensorflowVersion(TENSORFLOW_VERSION))
                    .setGraphDef(graph)
                    .setSaverDef(saverDef)
                    .putAllSignatureDef(signatures))
            .build();
    requireSmall(model);
    Files.createDirectories(directory);
    Path unfinished = directory.resolve(FILE + ".tmp");
    try {
      try (OutputStream output = new BufferedOutputStream(Files.newOutputStream(unfinished))) {
        model.writeTo(output);
      }
      Files.move(unfinished, directory.resolve(FILE), StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(unfinished);
    }
  }

  /** Protocol Buffers count in ints, which overflow silently: counts the nodes in a long. */
  private static void requireSmall(SavedModel model) {
    GraphDef graph = model.getMetaGraphs(0).getGraphDef();
    long bytes = 0;
    for (NodeDef node : graph.getNodeList()) {
      bytes += Integer.toUnsignedLong(node.getSerializedSize());
    }
    if (bytes > Integer.MAX_VALUE || model.getSerializedSize() < 0) {
      throw new IllegalArgumentException(
          "the graph has 2 GiB or more, which Protocol Buffers cannot store; keep weights in"
              + " variables, not in constants");
    }
  }
}
