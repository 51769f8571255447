package org.llmadapters.graph.device;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the driver's program {@code nvidia-smi} tells.
 *
 * @param driver version, such as {@code 550.54.15}
 * @param cuda newest version of CUDA whose programs the driver runs, such as {@code 12.4}; empty if
 *     it does not tell
 * @param gpus in the driver's order
 */
public record NvidiaSmi(Optional<String> driver, Optional<String> cuda, List<NvidiaGpu> gpus) {
  private static final String PROGRAM = "nvidia-smi";

  /** It needs a second or two; with a driver in a bad state it can hang. */
  private static final long SECONDS = 20;

  private static final List<String> GPUS =
      List.of(
          "--query-gpu=index,name,memory.total,memory.free,compute_cap",
          "--format=csv,noheader,nounits");
  private static final List<String> PROCESSES =
      List.of("--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits");
  private static final List<String> VERSIONS = List.of("-q", "-d", "COMPUTE");

  private static final String NONE = "\\[?(?:N/A|Not Supported)\\]?";
  private static final Pattern GPU =
      Pattern.compile(
          "(\\d{1,4}), (.+), (\\d{1,15}|"
              + NONE
              + "), (\\d{1,15}|"
              + NONE
              + "), (\\d{1,4})\\.(\\d{1,4})");
  private static final Pattern PROCESS = Pattern.compile("(\\d{1,9}), (\\d{1,12})");
  private static final Pattern DRIVER = version("Driver Version");
  private static final Pattern CUDA = version("CUDA Version");

  public NvidiaSmi {
    gpus = List.copyOf(gpus);
  }

  private static Pattern version(String label) {
    return Pattern.compile("(?m)^" + label + "\\s*:\\s*(\\d+(?:\\.\\d+)+)\\s*$");
  }

  /**
   * Asks the program.
   *
   * @throws IOException if there is none, it fails, or its answer is not understood
   */
  public static NvidiaSmi run() throws IOException {
    return parse(run(VERSIONS), run(GPUS));
  }

  /**
   * Reads its two answers.
   *
   * @param versions of {@code -q -d COMPUTE}
   * @param gpus of {@code --query-gpu}: a line {@code 0, NVIDIA H200, 143771, 143160, 9.0} each
   * @throws IOException if a GPU's line has another form
   */
  static NvidiaSmi parse(String versions, String gpus) throws IOException {
    List<NvidiaGpu> parsed = new ArrayList<>();
    for (String line : gpus.lines().map(String::strip).filter(text -> !text.isEmpty()).toList()) {
      Matcher matcher = GPU.matcher(line);
      if (!matcher.matches()) {
        throw new IOException(
            PROGRAM
                + " answered '"
                + line
                + "', expected 'INDEX, NAME, MEMORY, FREE MEMORY, COMPUTE CAPABILITY'");
      }
      parsed.add(
          new NvidiaGpu(
              Integer.parseInt(matcher.group(1)),
              matcher.group(2),
              mebibytes(matcher.group(3)),
              mebibytes(matcher.group(4)),
              new NvidiaGpu.Capability(
                  Integer.parseInt(matcher.group(5)), Integer.parseInt(matcher.group(6)))));
    }
    return new NvidiaSmi(first(DRIVER, versions), first(CUDA, versions), parsed);
  }

  /**
   * Memory that a process holds on GPUs, in MiB; empty if the driver does not list it, as in
   * containers with process numbers of their own.
   *
   * @throws IOException if there is no such program or it fails
   */
  public static OptionalLong usedBy(long pid) throws IOException {
    return usedBy(pid, run(PROCESSES));
  }

  /** The same by the answer of {@code --query-compute-apps}: a line {@code 4711, 1024} each. */
  static OptionalLong usedBy(long pid, String processes) {
    long sum = 0;
    boolean found = false;
    for (String line : processes.lines().map(String::strip).toList()) {
      Matcher matcher = PROCESS.matcher(line);
      if (matcher.matches() && Long.parseLong(matcher.group(1)) == pid) {
        sum += Long.parseLong(matcher.group(2));
        found = true;
      }
    }
    return found ? OptionalLong.of(sum) : OptionalLong.empty();
  }

  private static OptionalLong mebibytes(String text) {
    return Character.isDigit(text.charAt(0))
        ? OptionalLong.of(Long.parseLong(text))
        : OptionalLong.empty();
  }

  private static Optional<String> first(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
  }

  private static String run(List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(PROGRAM));
    command.addAll(arguments);
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new IOException(PROGRAM + " is not on PATH; it comes with the driver", e);
    }
    try {
      process.getOutputStream().close();
      if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
        throw new IOException(PROGRAM + " did not answer in " + SECONDS + " s");
      }
      String output = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
      if (process.exitValue() != 0) {
        throw new IOException(
            PROGRAM + " failed with exit code " + process.exitValue() + ": " + output);
      }
      return output;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(PROGRAM + ": interrupted", e);
    } finally {
      process.destroyForcibly();
    }
  }
}
