package org.llmadapters.tests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Which of TensorFlow's natives {@code ./llm-adapters} takes. The script runs in a folder in which
 * Maven and Java are scripts that tell how they were called; {@code ls}, by which it looks for a
 * driver, is one that finds a driver or none.
 */
final class LauncherTest {
  @TempDir private Path root;

  @BeforeEach
  void copyTheScript() throws IOException {
    Files.copy(
        Path.of("../llm-adapters"),
        root.resolve("llm-adapters"),
        StandardCopyOption.COPY_ATTRIBUTES);
    Files.writeString(root.resolve("pom.xml"), "");
    Files.createDirectories(root.resolve("training/src/main"));
    Files.createDirectories(root.resolve("training/target"));
    Files.writeString(root.resolve("training/pom.xml"), "");
    script("bin/java", "[ \"$1\" = -version ] || printf '%s\\n' \"$@\"");
    script(
        "mvnw",
        "echo \"mvnw $*\" >>mvnw.log",
        "case \"$*\" in *-Pgpu*) suffix=-gpu ;; *) suffix= ;; esac",
        "echo libraries$suffix.jar >training/target/classpath$suffix.txt");
    driver(false);
  }

  private void script(String name, String... lines) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(root.resolve("bin"));
    Files.writeString(file, "#!/usr/bin/env bash\n" + String.join("\n", lines) + "\n");
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  private void driver(boolean works) throws IOException {
    script("bin/ls", works ? "exit 0" : "exit 2");
  }

  /** What the script printed, and how it ended. */
  private record Outcome(int exitCode, String text) {
    /** The class path that Java was given. */
    String libraries() {
      assertThat(exitCode).as(text).isZero();
      return text.contains(":libraries-gpu.jar\n")
          ? "gpu"
          : text.contains(":libraries.jar\n") ? "cpu" : text;
    }
  }

  private Outcome run(String variable, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("bash", "llm-adapters"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(root.toFile()).redirectErrorStream(true);
    Map<String, String> environment = builder.environment();
    environment.keySet().removeIf(name -> name.startsWith("LLM_ADAPTERS_"));
    environment.put("JAVA_HOME", root.toString());
    environment.put("PATH", root.resolve("bin") + ":" + environment.get("PATH"));
    if (!variable.isEmpty()) {
      environment.put("LLM_ADAPTERS_DEVICE", variable);
    }
    Process process = builder.start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), UTF_8);
    return new Outcome(process.waitFor(), text);
  }

  @ParameterizedTest
  @CsvSource({
    "false, '',    train,                          cpu",
    "true,  '',    train,                          gpu",
    "true,  '',    train --device cpu,             cpu",
    "true,  '',    --device=cpu train,             cpu",
    "true,  cpu,   train,                          cpu",
    "true,  cpu,   train --device gpu --seed 1,    gpu",
    "true,  cpu,   train --device=gpu:1,           gpu",
    "true,  gpu,   train --device auto,            gpu",
    "false, gpu,   train --device auto,            cpu",
    "true,  '',    train --device gpu --device cpu, cpu",
    "true,  '',    train --device,                 cpu",
    "true,  '',    train --device tpu,             cpu",
    "true,  '',    train --device-memory-limit 5,  gpu",
  })
  void takesTheNativesThatAreAskedForOrElseWhatTheDriverAllows(
      boolean driver, String variable, String arguments, String expected) throws Exception {
    driver(driver);
    Outcome outcome = run(variable, arguments.split(" ", -1));
    assertThat(outcome.libraries()).isEqualTo(expected);
    assertThat(outcome.text())
        .endsWith(
            "Main\n" + arguments.replace(' ', '\n') + "\n"); // all of them go on to the program
  }

  @ParameterizedTest
  @CsvSource({"'', gpu, train --device gpu", "'', gpu:2, train --device=gpu:2", "gpu, gpu, train"})
  void aGpuWithoutADriverIsAnErrorBeforeAnythingIsDownloaded(
      String variable, String device, String arguments) throws Exception {
    Outcome outcome = run(variable, arguments.split(" ", -1));
    assertThat(outcome)
        .isEqualTo(
            new Outcome(
                1,
                "error: --device "
                    + device
                    + ": no NVIDIA driver works here (/proc/driver/nvidia/version and"
                    + " /dev/nvidiactl are not both there). Install one for CUDA 12, 525.60.13 or"
                    + " newer; in a container, start it with the GPU (docker run --gpus all)\n"));
    assertThat(root.resolve("mvnw.log")).doesNotExist();
  }

  @Test
  void eachKindOfNativesIsBuiltOnceWithItsProfileAndSaysWhatItDownloads() throws Exception {
    assertThat(run("", "score").text())
        .startsWith("building (the first time this downloads about 300 MB of libraries) ...\n");
    driver(true);
    assertThat(run("", "score").text())
        .startsWith(
            "building (the first time this downloads 2.6 GB of libraries for the GPU) ...\n");
    assertThat(run("", "score").text()).doesNotContain("building");
    assertThat(run("cpu", "score").text()).doesNotContain("building");
    assertThat(Files.readAllLines(root.resolve("mvnw.log")))
        .containsExactly(
            "mvnw -B -q -DskipTests -pl training -am package",
            "mvnw -B -q -Pgpu -DskipTests -pl training -am package");
  }
}
