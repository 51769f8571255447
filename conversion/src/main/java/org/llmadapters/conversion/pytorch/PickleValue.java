package org.llmadapters.conversion.pytorch;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a pickled state dict consists of. Values may hold each other in circles: they are never
 * compared, hashed or printed, only looked at.
 */
sealed interface PickleValue
    permits StorageType,
        PickleValue.Text,
        PickleValue.Whole,
        PickleValue.Tuple,
        PickleValue.Dictionary,
        PickleValue.Unused,
        PickleValue.Rebuild,
        PickleValue.Storage,
        PickleValue.Tensor {
  /** What it is, for a message: {@code a string}. */
  String describe();

  /** A string. */
  record Text(String text) implements PickleValue {
    @Override
    public String describe() {
      return "a string";
    }
  }

  /** An integer. */
  record Whole(long value) implements PickleValue {
    @Override
    public String describe() {
      return "an integer";
    }
  }

  /** A tuple. */
  record Tuple(List<PickleValue> items) implements PickleValue {
    public Tuple {
      items = List.copyOf(items);
    }

    @Override
    public String describe() {
      return "a tuple";
    }
  }

  /** A dictionary by strings, ordered as it was filled. */
  record Dictionary(Map<String, PickleValue> entries) implements PickleValue {
    public Dictionary() {
      this(new LinkedHashMap<>());
    }

    @Override
    public String describe() {
      return "a dictionary";
    }
  }

  /** Values that may stand in a file and say nothing about its tensors. */
  enum Unused implements PickleValue {
    NONE("None"),
    BOOLEAN("a boolean"),
    FLOAT("a number"),
    LIST("a list");

    private final String description;

    Unused(String description) {
      this.description = description;
    }

    @Override
    public String describe() {
      return description;
    }
  }

  /** The functions that a state dict is built with: what they do is known and done here. */
  enum Rebuild implements PickleValue {
    TENSOR("torch._utils._rebuild_tensor_v2"),
    PARAMETER("torch._utils._rebuild_parameter"),
    ORDERED_DICT("collections.OrderedDict");

    private final String global;

    Rebuild(String global) {
      this.global = global;
    }

    String global() {
      return global;
    }

    @Override
    public String describe() {
      return "the function " + global;
    }
  }

  /**
   * A run of elements.
   *
   * @param key the name of its entry in the zip file, below {@code data/}
   * @param elements how many it is said to have
   */
  record Storage(StorageType type, String key, long elements) implements PickleValue {
    @Override
    public String describe() {
      return "a storage";
    }
  }

  /**
   * A view of a storage; nothing about it has been checked.
   *
   * @param offset of its first element in the storage, in elements
   * @param strides how many elements of the storage lie between neighbours, for every axis
   */
  record Tensor(Storage storage, long offset, Tuple shape, Tuple strides) implements PickleValue {
    @Override
    public String describe() {
      return "a tensor";
    }
  }
}
