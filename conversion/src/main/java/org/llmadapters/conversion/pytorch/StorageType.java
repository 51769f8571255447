package org.llmadapters.conversion.pytorch;

/** The classes {@code torch.*Storage}, of which each stands for one type of elements. */
enum StorageType implements PickleValue {
  DOUBLE("DoubleStorage", "F64"),
  FLOAT("FloatStorage", "F32"),
  HALF("HalfStorage", "F16"),
  BFLOAT16("BFloat16Storage", "BF16"),
  LONG("LongStorage", "I64"),
  INT("IntStorage", "I32"),
  SHORT("ShortStorage", "I16"),
  CHAR("CharStorage", "I8"),
  BYTE("ByteStorage", "U8"),
  BOOL("BoolStorage", "BOOL");

  private final String className;
  private final String dtype;

  StorageType(String className, String dtype) {
    this.className = className;
    this.dtype = dtype;
  }

  /** {@code torch.FloatStorage}. */
  String global() {
    return "torch." + className;
  }

  /** The type of elements as safetensors files call it. */
  String dtype() {
    return dtype;
  }

  @Override
  public String describe() {
    return "the class " + global();
  }
}
