package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.tensorflow.proto.ConfigProto;

final class SessionOptionsTest {

  @Test
  void usesOneReplicaPerCore() {
    assertThat(SessionOptions.forThisMachine().replicas())
        .isEqualTo(Runtime.getRuntime().availableProcessors());
  }

  @Test
  void allSessionsHaveTheSameThreads() {
    ConfigProto one = new SessionOptions(1).toProto();
    assertThat(new SessionOptions(7).toProto()).isEqualTo(one);
    assertThat(one.getIntraOpParallelismThreads()).isEqualTo(1);
  }

  @Test
  void rejectsNoReplica() {
    assertThatThrownBy(() -> new SessionOptions(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("replicas must be >= 1, got 0");
  }
}
