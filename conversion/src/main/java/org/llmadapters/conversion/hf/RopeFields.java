package org.llmadapters.conversion.hf;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.graph.arch.Family;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.spec.ConfigKeys;

/**
 * Rotary positions in {@code config.json}: {@code rope_theta} and {@code rope_scaling} until
 * transformers 4, {@code rope_parameters} with both from transformers 5 on.
 */
final class RopeFields {
  private static final double DEFAULT_THETA = 10000;
  private static final int GPT_J_ROTARY_DIM = 64;
  private static final Set<String> KNOWN =
      Set.of(
          "rope_theta",
          "rope_type",
          "type",
          "factor",
          "low_freq_factor",
          "high_freq_factor",
          "original_max_position_embeddings",
          "partial_rotary_factor");

  private RopeFields() {}

  /**
   * How to build the configuration once all fields are known to be readable. Where both spellings
   * occur they must agree.
   *
   * @param family how the family spells its keys
   * @param unknown gets the keys that are not known
   */
  static Function<Context, RopeConfig> read(
      JsonFields config, Family family, List<String> unknown) {
    ConfigKeys keys = family.keys();
    List<JsonFields> spellings = new ArrayList<>();
    config.object("rope_parameters").ifPresent(spellings::add);
    config.object("rope_scaling").ifPresent(spellings::add);
    List<Double> thetas = new ArrayList<>();
    List<Double> fractions = new ArrayList<>();
    for (String key : keys.spellings("rope_theta")) {
      config.optionalDouble(key).ifPresent(thetas::add);
    }
    for (String key : keys.spellings("partial_rotary_factor")) {
      config.optionalDouble(key).ifPresent(fractions::add);
    }
    List<Function<Context, RopeScaling>> scalings = new ArrayList<>();
    for (JsonFields spelling : spellings) {
      spelling.optionalDouble("rope_theta").ifPresent(thetas::add);
      spelling.optionalDouble("partial_rotary_factor").ifPresent(fractions::add);
      scalings.add(scaling(spelling));
      unknown.addAll(spelling.unknown(KNOWN));
    }
    OptionalInt rotaryDim =
        keys.has("rotary_dim")
            ? OptionalInt.of(config.intOr("rotary_dim", GPT_J_ROTARY_DIM))
            : OptionalInt.empty();
    // Where a family has no spelling of its own, transformers turns whole heads or fails.
    if (!keys.spellings().containsKey("partial_rotary_factor")
        && fractions.stream().anyMatch(fraction -> fraction != 1)) {
      config.problem("partial_rotary_factor must be 1, others are not supported");
    }
    return context -> {
      List<RopeScaling> built = scalings.stream().map(scaling -> scaling.apply(context)).toList();
      double fraction =
          agreed("partial_rotary_factor", fractions).orElse(keys.defaults().rotaryFraction());
      return new RopeConfig(
          agreed("rope_theta", thetas).orElse(DEFAULT_THETA),
          rotaryDim.orElse((int) (context.headDim() * fraction)),
          agreed("rope_parameters and rope_scaling", built).orElse(new RopeScaling.None()));
    };
  }

  /**
   * Sizes that the rotary embedding depends on.
   *
   * @param headDim width of one head
   * @param maxPositionEmbeddings {@code max_position_embeddings}
   */
  record Context(int headDim, int maxPositionEmbeddings) {}

  private static <T> Optional<T> agreed(String what, List<T> values) {
    List<T> distinct = values.stream().distinct().toList();
    if (distinct.size() > 1) {
      throw new IllegalArgumentException(
          what + " must agree wherever they are written, got " + distinct);
    }
    return distinct.stream().findFirst();
  }

  private static Function<Context, RopeScaling> scaling(JsonFields fields) {
    String type =
        fields
            .optionalString("rope_type")
            .or(() -> fields.optionalString("type"))
            .orElse("default");
    return switch (type) {
      case "default" -> context -> new RopeScaling.None();
      case "linear" -> {
        double factor = fields.requireDouble("factor");
        yield context -> new RopeScaling.Linear(factor);
      }
      case "dynamic" -> {
        double factor = fields.requireDouble("factor");
        yield context -> new RopeScaling.Dynamic(factor, context.maxPositionEmbeddings());
      }
      case "llama3" -> {
        double factor = fields.requireDouble("factor");
        double low = fields.requireDouble("low_freq_factor");
        double high = fields.requireDouble("high_freq_factor");
        int original = fields.requireInt("original_max_position_embeddings");
        yield context -> new RopeScaling.Llama3(factor, low, high, original);
      }
      default -> {
        fields.problem(
            "rope_type \"%s\" is not supported; supported: default, linear, dynamic, llama3", type);
        yield context -> new RopeScaling.None();
      }
    };
  }

  /**
   * Writes {@code rope} in both spellings. A {@code rope_scaling} of type linear or dynamic has
   * exactly the two fields that transformers before 4.43 insist on.
   */
  static void write(RopeConfig rope, int headDim, ConfigKeys keys, ObjectNode config) {
    ObjectNode parameters = config.putObject("rope_parameters");
    parameters.put("rope_theta", rope.theta());
    config.put(keys.spellings("rope_theta").get(0), rope.theta());
    String fraction = keys.spellings().get("partial_rotary_factor");
    if (fraction != null) {
      parameters.put("partial_rotary_factor", rope.rotaryDim() / (double) headDim);
      config.put(fraction, rope.rotaryDim() / (double) headDim);
    }
    if (rope.scaling() instanceof RopeScaling.Linear linear) {
      parameters.put("rope_type", "linear").put("factor", linear.factor());
      config.putObject("rope_scaling").put("type", "linear").put("factor", linear.factor());
    } else if (rope.scaling() instanceof RopeScaling.Dynamic dynamic) {
      parameters.put("rope_type", "dynamic").put("factor", dynamic.factor());
      config.putObject("rope_scaling").put("type", "dynamic").put("factor", dynamic.factor());
    } else if (rope.scaling() instanceof RopeScaling.Llama3 llama3) {
      writeLlama3(llama3, parameters);
      writeLlama3(llama3, config.putObject("rope_scaling"));
    } else {
      parameters.put("rope_type", "default");
      config.putNull("rope_scaling");
    }
  }

  private static void writeLlama3(RopeScaling.Llama3 llama3, ObjectNode target) {
    target.put("rope_type", "llama3");
    target.put("factor", llama3.factor());
    target.put("low_freq_factor", llama3.lowFreqFactor());
    target.put("high_freq_factor", llama3.highFreqFactor());
    target.put("original_max_position_embeddings", llama3.originalMaxPositionEmbeddings());
  }
}
