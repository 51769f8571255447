package org.llmadapters.graph.savedmodel;

import com.google.protobuf.InvalidProtocolBufferException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.llmadapters.graph.FormatException;
import org.tensorflow.proto.MetaGraphDef;
import org.tensorflow.proto.SavedModel;

/** Reads {@code saved_model.pb}, which {@link SavedModelWriter} describes, without a session. */
public final class SavedModelReader {
  private SavedModelReader() {}

  /**
   * The meta graph for serving: the one whose only tag is {@code serve}.
   *
   * @param directory of the SavedModel
   * @throws FormatException if there is no {@code saved_model.pb}, if it is no SavedModel, or if it
   *     has no such meta graph
   */
  public static MetaGraphDef read(Path directory) throws IOException {
    Path file = directory.resolve(SavedModelWriter.FILE);
    if (!Files.isRegularFile(file)) {
      throw new FormatException(file, "no such file; expected the directory of a SavedModel");
    }
    if (Files.size(file) > Integer.MAX_VALUE) {
      throw new FormatException(file, "got %d bytes, expected less than 2 GiB", Files.size(file));
    }
    SavedModel model;
    try (InputStream input = new BufferedInputStream(Files.newInputStream(file))) {
      model = SavedModel.parseFrom(input);
    } catch (InvalidProtocolBufferException e) {
      throw new FormatException(file, "not a SavedModel protobuf: " + e.getMessage(), e);
    }
    List<List<String>> tags =
        model.getMetaGraphsList().stream()
            .map(graph -> List.copyOf(graph.getMetaInfoDef().getTagsList()))
            .toList();
    int index = tags.indexOf(List.of(SavedModelWriter.TAG));
    if (index < 0) {
      throw new FormatException(
          file, "no meta graph for serving; got the tags %s, expected [serve]", tags);
    }
    return model.getMetaGraphs(index);
  }
}
