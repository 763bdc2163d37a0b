import Glibc
import Synchronization

/// Threads on which tasks may block: on libcurl, on files, on a full pipe. Swift's own pool has one thread for each
/// core, and none to spare for waiting.
///
/// Start tasks with `addTask(executorPreference:)`. They stay children of their group.
package final class BlockingExecutor: TaskExecutor {
  private let queue = Mutex<[UnownedJob]>([])
  // A semaphore may be used from several threads.
  nonisolated(unsafe) private let available = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  /// - Parameter threads: how many tasks can block at once. The threads live as long as the process.
  package init(threads: Int) {
    sem_init(available, 0, 0)
    for _ in 0..<threads {
      var thread = pthread_t()
      let context = Unmanaged.passRetained(self).toOpaque()
      let started = pthread_create(
        &thread, nil,
        { context in
          Unmanaged<BlockingExecutor>.fromOpaque(context!).takeRetainedValue().work()
        }, context)
      precondition(started == 0, "no thread could be started")
      pthread_detach(thread)
    }
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.withLock { $0.append(job) }
    sem_post(available)
  }

  private func work() -> Never {
    while true {
      while sem_wait(available) != 0 {}
      let job = queue.withLock { $0.removeFirst() }
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}
