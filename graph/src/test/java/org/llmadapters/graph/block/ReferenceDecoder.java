package org.llmadapters.graph.block;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;

/**
 * LLaMA in plain Java and float64, one row of real tokens at a time, without padding, batches or
 * caches. Written from the papers and transformers' {@code modeling_llama.py}.
 */
final class ReferenceDecoder {
  private final ModelConfig config;
  private final Map<String, float[]> weights;

  ReferenceDecoder(ModelConfig config, Map<String, float[]> weights) {
    this.config = config;
    this.weights = weights;
  }

  /** [T][V] for the tokens {@code ids} [T] at the positions 0, 1, ... */
  double[][] logits(int... ids) {
    int hiddenSize = config.sizes().hiddenSize();
    float[] embedding = weight("model.embed_tokens.weight");
    double[][] x = new double[ids.length][hiddenSize];
    int[] positions = new int[ids.length];
    boolean[][] causal = new boolean[ids.length][ids.length];
    for (int t = 0; t < ids.length; t++) {
      positions[t] = t;
      for (int i = 0; i < hiddenSize; i++) {
        x[t][i] = embedding[ids[t] * hiddenSize + i];
      }
      for (int s = 0; s <= t; s++) {
        causal[t][s] = true;
      }
    }
    for (int layer = 0; layer < config.sizes().numHiddenLayers(); layer++) {
      String path = "model.layers." + layer + ".";
      x =
          add(
              x,
              attention(
                  path + "self_attn", rmsNorms(path + "input_layernorm", x), positions, causal));
      x = add(x, mlp(path + "mlp", rmsNorms(path + "post_attention_layernorm", x)));
    }
    x = rmsNorms("model.norm", x);
    String head = config.tieWordEmbeddings() ? "model.embed_tokens" : "lm_head";
    return linear(head, x, config.sizes().vocabSize(), false);
  }

  /**
   * @param x [T][H]
   * @param positions [T], tokens
   * @param mask [T][S]: whether query t may look at key s
   */
  double[][] attention(String path, double[][] x, int[] positions, boolean[][] mask) {
    int heads = config.attention().numAttentionHeads();
    int keyHeads = config.attention().numKeyValueHeads();
    int width = config.attention().headDim();
    boolean bias = config.biases().queryKeyValue();
    double[][] query = linear(path + ".q_proj", x, heads * width, bias);
    double[][] key = linear(path + ".k_proj", x, keyHeads * width, bias);
    double[][] value = linear(path + ".v_proj", x, keyHeads * width, bias);
    for (int t = 0; t < x.length; t++) {
      rotateHeads(query[t], width, positions[t]);
      rotateHeads(key[t], width, positions[t]);
    }
    double[][] mixed = new double[x.length][heads * width];
    for (int t = 0; t < x.length; t++) {
      for (int head = 0; head < heads; head++) {
        int keyHead = head / (heads / keyHeads);
        double[] share = new double[x.length];
        double total = 0;
        for (int s = 0; s < x.length; s++) {
          double score = 0;
          for (int d = 0; d < width; d++) {
            score += query[t][head * width + d] * key[s][keyHead * width + d];
          }
          share[s] = mask[t][s] ? Math.exp(score / Math.sqrt((double) width)) : 0;
          total += share[s];
        }
        for (int s = 0; s < x.length; s++) {
          for (int d = 0; d < width; d++) {
            mixed[t][head * width + d] += share[s] / total * value[s][keyHead * width + d];
          }
        }
      }
    }
    return linear(path + ".o_proj", mixed, config.sizes().hiddenSize(), bias);
  }

  private void rotateHeads(double[] heads, int width, int position) {
    for (int from = 0; from < heads.length; from += width) {
      double[] head = Arrays.copyOfRange(heads, from, from + width);
      System.arraycopy(rotate(head, position), 0, heads, from, width);
    }
  }

  /** Element i and element i + D/2 are the two coordinates of what turns. */
  double[] rotate(double[] head, int position) {
    int half = head.length / 2;
    double[] turned = new double[head.length];
    for (int i = 0; i < half; i++) {
      double frequency = Math.pow(rope().theta(), -2.0 * i / head.length);
      double angle = position * rope().scaling().stretch(frequency);
      turned[i] = head[i] * Math.cos(angle) - head[i + half] * Math.sin(angle);
      turned[i + half] = head[i + half] * Math.cos(angle) + head[i] * Math.sin(angle);
    }
    return turned;
  }

  /** {@code down(silu(gate(x)) * up(x))}: [T][H]. */
  double[][] mlp(String path, double[][] x) {
    int width = config.sizes().intermediateSize();
    double[][] gate = linear(path + ".gate_proj", x, width, false);
    double[][] up = linear(path + ".up_proj", x, width, false);
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < width; i++) {
        gate[t][i] *= up[t][i] / (1 + Math.exp(-gate[t][i]));
      }
    }
    return linear(path + ".down_proj", gate, config.sizes().hiddenSize(), false);
  }

  /** {@code weight * x / sqrt(mean(x^2) + eps)} for every row. */
  double[][] rmsNorms(String path, double[][] x) {
    float[] weight = weight(path + ".weight");
    double[][] normed = new double[x.length][weight.length];
    for (int t = 0; t < x.length; t++) {
      double sum = 0;
      for (double value : x[t]) {
        sum += value * value;
      }
      double root = Math.sqrt(sum / weight.length + config.normEps());
      for (int i = 0; i < weight.length; i++) {
        normed[t][i] = weight[i] * x[t][i] / root;
      }
    }
    return normed;
  }

  /** {@code x W^T + b}: [T][out]. */
  private double[][] linear(String path, double[][] x, int out, boolean bias) {
    float[] weight = weight(path + ".weight");
    int in = weight.length / out;
    double[][] y = new double[x.length][out];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < out; o++) {
        y[t][o] = bias ? weight(path + ".bias")[o] : 0;
        for (int i = 0; i < in; i++) {
          y[t][o] += x[t][i] * weight[o * in + i];
        }
      }
    }
    return y;
  }

  private static double[][] add(double[][] x, double[][] y) {
    double[][] sum = new double[x.length][x[0].length];
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < x[t].length; i++) {
        sum[t][i] = x[t][i] + y[t][i];
      }
    }
    return sum;
  }

  private RopeConfig rope() {
    return config.rope().orElseThrow();
  }

  private float[] weight(String name) {
    return Objects.requireNonNull(weights.get(name), name);
  }
}
