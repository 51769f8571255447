package org.llmadapters.training.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

final class RunReportTest {
  private static final String METRICS =
      """
      {"step":1,"loss":4,"learning_rate":2e-4,"grad_norm":1.5,"tokens_per_second":100,"rss_mib":700}
      {"step":2,"loss":3,"learning_rate":1e-4,"grad_norm":0.5,"tokens_per_second":300,"rss_mib":701}
      {"step":2,"eval_loss":3.5}
      {"step":3,"loss":"NaN","learning_rate":0,"grad_norm":"NaN","tokens_per_second":200,"rss_mib":702}
      """;

  @TempDir private Path directory;
  private Path folder;

  @BeforeEach
  void makeARun() throws IOException {
    folder = Files.createDirectory(directory.resolve("a<b>&c"));
    write("run.json", "{\"data\": \"<script>alert(1)</script>\", \"r\": \"8\"}");
    write("metrics.jsonl", METRICS);
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text);
  }

  private String page() throws IOException {
    RunReport.write(folder);
    return Files.readString(folder.resolve("report.html"));
  }

  /** The drawings of a page, which are XML. */
  private static List<Element> drawings(String page)
      throws IOException, ParserConfigurationException, SAXException {
    List<Element> drawings = new ArrayList<>();
    for (MatchResult match :
        Pattern.compile("(?s)<svg.*?</svg>").matcher(page).results().toList()) {
      drawings.add(
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(new InputSource(new StringReader(match.group())))
              .getDocumentElement());
    }
    return drawings;
  }

  private static List<String> texts(Element drawing, String tag) {
    NodeList nodes = drawing.getElementsByTagName(tag);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      texts.add(nodes.item(i).getTextContent());
    }
    return texts;
  }

  @Test
  void drawsACurveOfEachValue() throws Exception {
    List<Element> drawings = drawings(page());
    assertThat(drawings)
        .extracting(drawing -> texts(drawing, "title").get(0))
        .containsExactly(
            "loss, nats per token",
            "learning rate",
            "gradient norm before clipping",
            "tokens per second",
            "resident memory, MiB");
    Element loss = drawings.get(0);
    assertThat(texts(loss, "text"))
        .containsExactly(
            "3", "3.2", "3.4", "3.6", "3.8", "4", "1", "2", "loss", "smoothed", "eval loss");
    // x from 70 to 545, y from 230 for the lowest value up to 30.
    assertThat(((Element) loss.getElementsByTagName("polyline").item(0)).getAttribute("points"))
        .isEqualTo("70.0,30.0 545.0,230.0");
    Element evalLoss = (Element) loss.getElementsByTagName("circle").item(0);
    assertThat(evalLoss.getAttribute("cx") + "," + evalLoss.getAttribute("cy"))
        .isEqualTo("545.0,130.0");
    assertThat(
            ((Element) drawings.get(3).getElementsByTagName("polyline").item(0))
                .getAttribute("points"))
        .isEqualTo("70.0,230.0 307.5,30.0 545.0,130.0");
  }

  @Test
  void isOnePageThatLoadsNothing() throws IOException {
    assertThat(page())
        .startsWith("<!DOCTYPE html>")
        .endsWith("</html>\n")
        .doesNotContainPattern("(?i)(src|href) *=|url\\(|@import|https?:");
  }

  @Test
  void showsTextOfFilesAsText() throws IOException {
    write("summary.json", "{\"ending\": \"failed\", \"reason\": \"a < \\\"b\\\" & c\"}");
    write("about.json", "{\"data\": {\"<b>\": 3}, \"versions\": {\"Java\": \"17\"}}");
    assertThat(page())
        .contains(
            "<title>Run a&lt;b&gt;&amp;c</title>",
            "<h1>Run a&lt;b&gt;&amp;c</h1>",
            "<tr><th>data</th><td>&lt;script&gt;alert(1)&lt;/script&gt;</td></tr>",
            "<tr><th>reason</th><td>a &lt; &quot;b&quot; &amp; c</td></tr>",
            "<h2>data</h2>",
            "<tr><th>&lt;b&gt;</th><td>3</td></tr>",
            "<tr><th>Java</th><td>17</td></tr>")
        .doesNotContain("<script", "<b>");
  }

  @Test
  void saysWhatCannotBeDrawnAndThatTheRunHasNotEnded() throws IOException {
    assertThat(page())
        .contains("Losses that are no number, and not drawn: 1.")
        .contains("The run has not ended, or was killed: there is no summary.json.");
  }

  @Test
  void aRunWithoutAStepHasAReport() throws IOException {
    write("metrics.jsonl", "");
    assertThat(page()).contains("No step is done.").doesNotContain("<svg");
    assertThat(folder.resolve("curves")).isEmptyDirectory();
  }

  /** A constant, and values that are hardly of use. */
  @Test
  void drawsAnyValues() throws Exception {
    write(
        "metrics.jsonl",
        """
        {"step":1,"loss":-1e100,"learning_rate":0,"grad_norm":1e-200,"tokens_per_second":5}
        {"step":2,"loss":1.7e308}
        {"step":2,"loss":1e100,"learning_rate":0,"grad_norm":2e-200,"tokens_per_second":5}
        """);
    assertThat(drawings(page())).hasSize(4);
    assertThat(Files.readString(folder.resolve("report.html"))).doesNotContain("NaN", "Infinity");
  }

  @Test
  void paintsPictures() throws IOException {
    page();
    assertThat(folder.resolve("curves").toFile().list())
        .containsExactlyInAnyOrder(
            "loss.png",
            "learning_rate.png",
            "grad_norm.png",
            "tokens_per_second.png",
            "rss_mib.png");
    BufferedImage picture = ImageIO.read(folder.resolve("curves/loss.png").toFile());
    assertThat(picture.getWidth()).isEqualTo(900);
    assertThat(picture.getHeight()).isEqualTo(500);
    assertThat(colors(picture)).contains(0x1f5fae, 0xb8cbe6, 0xd95f02);
  }

  private static List<Integer> colors(BufferedImage picture) {
    List<Integer> colors = new ArrayList<>();
    for (int x = 0; x < picture.getWidth(); x++) {
      for (int y = 0; y < picture.getHeight(); y++) {
        colors.add(new Color(picture.getRGB(x, y)).getRGB() & 0xffffff);
      }
    }
    return colors.stream().distinct().toList();
  }

  @Test
  void refusesAFolderThatHoldsNoRun() throws IOException {
    Files.delete(folder.resolve("run.json"));
    assertThatThrownBy(() -> RunReport.write(folder))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            folder + ": has no run.json, so no training run wrote it; name the --output of train");
    assertThat(folder.toFile().list()).containsExactly("metrics.jsonl");
  }
}
