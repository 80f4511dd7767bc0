/**
 * Notices that this process's network has gone. A component joins the network namespace of its node's container; when that container restarts, it
 * gets a new namespace and the component keeps the old one, empty but for loopback. Nothing can be reached from there and nothing says so: the only way
 * out is to end, so that the engine starts the process again in the namespace there is now.
 */
import type { Clock } from './clock.ts';
import { findNodeAddress } from './node-address.ts';

/** Interfaces can only be looked at; this often is soon enough, and costs some microseconds. */
const LOOK_MS = 5_000;

export interface NetworkGuardDeps {
  readonly clock: Clock;
  readonly findAddress?: () => string | undefined;
}

/** Resolves when aborted; throws when an address that was there is gone. Where there never was one (a test on loopback) there is nothing to guard. */
export async function runNetworkGuard({ clock, findAddress = findNodeAddress }: NetworkGuardDeps, signal: AbortSignal): Promise<void> {
  let hadAddress = false;
  while (!signal.aborted) {
    const hasAddress = findAddress() !== undefined;
    if (hadAddress && !hasAddress) throw new Error("the node's network namespace was replaced: starting afresh in the new one");
    hadAddress = hasAddress;
    await clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}
