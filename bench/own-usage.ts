/** What this process itself has used, for benchmarks that run everything inside it. */

export interface OwnUsage {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Gives what passes and is used from now on, each time it is asked. */
export function startOwnUsage(): () => OwnUsage {
  const [startedAt, before] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - startedAt) / 1_000, cpuSeconds: (user + system) / 1e6 };
  };
}
