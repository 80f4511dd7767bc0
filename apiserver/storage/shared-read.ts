/**
 * One read for everybody who needs a fresh answer at the same time. A caller must get a value read after it asked, so it cannot use a read that is
 * already under way; but all who arrive during that one share the next. Under load this turns a database read per request into one per
 * round trip.
 */

/** Gives a function that calls `read` at most twice at a time however often it is called, and never answers with an older read. */
export function shareReads<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let following: Promise<T> | undefined;

  function start(): Promise<T> {
    following = undefined;
    const started = read();
    running = started;
    const finish = () => {
      if (running === started) running = undefined;
    };
    started.then(finish, finish);
    return started;
  }

  return () => {
    if (!running) return start();
    following ??= running.then(start, start);
    return following;
  };
}
