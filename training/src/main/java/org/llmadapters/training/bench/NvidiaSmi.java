package org.llmadapters.training.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;

/** What {@code nvidia-smi} says, where it is installed. */
final class NvidiaSmi {
  private static final int SECONDS = 20;

  private NvidiaSmi() {}

  /** The name of a GPU, such as {@code NVIDIA H200}. */
  static Optional<String> name(int gpu) {
    return ask("--query-gpu=name", "--id=" + gpu).stream().findFirst();
  }

  /** MiB that this process holds on GPUs; empty if it is not listed, as in some containers. */
  static OptionalLong usedByThisProcess() {
    String pid = Long.toString(ProcessHandle.current().pid());
    return ask("--query-compute-apps=pid,used_memory").stream()
        .map(line -> line.split(", *", -1))
        .filter(fields -> fields.length == 2 && fields[0].equals(pid))
        .filter(fields -> fields[1].matches("\\d{1,12}"))
        .mapToLong(fields -> Long.parseLong(fields[1]))
        .findFirst();
  }

  private static List<String> ask(String... query) {
    List<String> command = new java.util.ArrayList<>(List.of("nvidia-smi"));
    command.addAll(List.of(query));
    command.add("--format=csv,noheader,nounits");
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      byte[] output = process.getInputStream().readAllBytes();
      if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        return List.of();
      }
      return process.exitValue() == 0
          ? new String(output, StandardCharsets.UTF_8).lines().map(String::strip).toList()
          : List.of();
    } catch (IOException e) {
      return List.of(); // not installed
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return List.of();
    }
  }
}
