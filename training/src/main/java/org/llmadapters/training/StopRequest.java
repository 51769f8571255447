package org.llmadapters.training;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notes that the process is told to end, as by Ctrl-C, and keeps it alive until a run that has
 * begun has saved its state and said so.
 */
public final class StopRequest implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(StopRequest.class);
  private static final int SECONDS = 60;

  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread onExit = new Thread(this::request, "save before exit");
  private volatile boolean begun;
  private volatile boolean made;

  private StopRequest() {}

  /** Listens until it is closed. */
  public static StopRequest onExit() {
    StopRequest request = new StopRequest();
    Runtime.getRuntime().addShutdownHook(request.onExit);
    return request;
  }

  /** From now on there is something to save. */
  void begin() {
    begun = true;
  }

  /** Whether the process is to end. */
  boolean isMade() {
    return made;
  }

  /** Called when the process is told to end. */
  private void request() {
    made = true;
    if (!begun) {
      return;
    }
    try {
      if (!closed.await(SECONDS, TimeUnit.SECONDS)) {
        log.warn("the current step did not end in {} s; the last checkpoint remains", SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Lets the process end. */
  @Override
  public void close() {
    closed.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(onExit);
    } catch (IllegalStateException e) {
      log.debug("the process is ending", e);
    }
  }
}
