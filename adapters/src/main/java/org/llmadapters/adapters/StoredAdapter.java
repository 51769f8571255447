package org.llmadapters.adapters;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.llmadapters.adapters.AdapterParameter.Initializer.Factor;

/**
 * An adapter as it is stored, for the base as it was. That is the adapter as it is trained, unless
 * it took {@code A0} and {@code B0} out of the base: {@code W - scaling * B0 A0 + scaling * B A} is
 * what plain LoRA of twice the rank computes with {@code [A; A0]} and {@code [B, -B0]}.
 *
 * <p>Source: PEFT, {@code subtract_mutated_init} in {@code tuners/lora/model.py}.
 *
 * @param config what is stored
 * @param parameters the tensors
 * @param values of a parameter, row-major
 */
public record StoredAdapter(
    AdapterConfig config,
    List<AdapterParameter> parameters,
    Function<AdapterParameter, float[]> values) {
  public StoredAdapter {
    parameters = List.copyOf(parameters);
  }

  /**
   * What is stored of an adapter for the base that it was trained on.
   *
   * @param parameters that it has there
   * @param taken out of the base, as {@link InitialValues#assign} gave them
   * @param trained the values of one of {@code parameters}, row-major
   */
  public static StoredAdapter of(
      AdapterConfig config,
      List<AdapterParameter> parameters,
      Map<String, float[]> taken,
      Function<AdapterParameter, float[]> trained) {
    if (taken.isEmpty()) {
      return new StoredAdapter(config, parameters, trained);
    }
    Map<AdapterParameter, AdapterParameter> stored = new LinkedHashMap<>();
    parameters.forEach(parameter -> stored.put(widened(parameter), parameter));
    return new StoredAdapter(
        ((LoraConfig) config).converted(),
        List.copyOf(stored.keySet()),
        parameter -> {
          AdapterParameter original = stored.getOrDefault(parameter, parameter);
          float[] start = taken.get(original.name());
          float[] value = trained.apply(original);
          return start == null ? value : joined(original, value, start);
        });
  }

  private static boolean isB(AdapterParameter parameter) {
    return parameter.initializer() instanceof Factor factor && factor.side() == Factor.Side.B;
  }

  /** The parameter with twice the rank, if it has one. */
  private static AdapterParameter widened(AdapterParameter parameter) {
    if (!(parameter.initializer() instanceof Factor)) {
      return parameter;
    }
    long rows = parameter.shape().get(0);
    long columns = parameter.shape().get(1);
    return new AdapterParameter(
        parameter.name(),
        isB(parameter) ? List.of(rows, 2 * columns) : List.of(2 * rows, columns),
        parameter.initializer());
  }

  /** {@code [A; A0]} or {@code [B, -B0]}. */
  private static float[] joined(AdapterParameter parameter, float[] value, float[] start) {
    float[] joined = new float[2 * value.length];
    if (!isB(parameter)) {
      System.arraycopy(value, 0, joined, 0, value.length);
      System.arraycopy(start, 0, joined, value.length, value.length);
      return joined;
    }
    int r = Math.toIntExact(parameter.shape().get(1));
    for (int i = 0; i < value.length; i++) {
      int column = i / r * 2 * r + i % r;
      joined[column] = value[i];
      joined[column + r] = -start[i];
    }
    return joined;
  }
}
