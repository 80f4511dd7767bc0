/**
 * What can go wrong between a component and the API server, on purpose and by seed: a watch that breaks off or lags behind, a write that meets a conflict, an
 * answer that never arrives although the write was done. The components are to converge all the same. Wraps a transport; a cluster without faults has none.
 */
import { ApiError } from '#api/meta/status.ts';
import type { Transport } from '#client/transport.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';

/** Chances from 0 to 1, each of one request or one delivery of a watch; absent is never. */
export interface Faults {
  /** The watch breaks off before it delivers; its client watches again from where it was. */
  readonly watchDropped?: number;
  /** The server has forgotten where the client was: it lists again, and never hears of what was there in between. */
  readonly watchExpired?: number;
  /** The delivery comes late by up to this long; the client acts on what it saw before. */
  readonly watchDelayed?: { readonly chance: number; readonly delayMsMax: number };
  /** A PUT or PATCH is refused with Conflict, as if somebody else had been faster. */
  readonly writeConflict?: number;
  /** A write is done, and its answer lost: the component does not know whether it was. */
  readonly answerLost?: number;
  /** The component is killed after a write, and a new one begins with nothing but what the API shows. */
  readonly crashAfterWrite?: number;
}

export interface FaultDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Kills the component whose transport this is. */
  crash(): void;
  /** Hears of each that was made to happen. */
  onFault?: ((fault: FaultName) => void) | undefined;
}

export type FaultName = keyof Faults;

/** The faults may change while it is used; none from the next request on when they are empty. */
export function withFaults(inner: Transport, faults: () => Faults, { clock, random, crash, onFault }: FaultDeps): Transport {
  const happens = (fault: FaultName, chance = 0): boolean => {
    const isSo = chance > 0 && random.next() < chance;
    if (isSo) onFault?.(fault);
    return isSo;
  };
  return {
    ...inner,
    request: async (request) => {
      const isWrite = request.method !== 'GET';
      if ((request.method === 'PUT' || request.method === 'PATCH') && happens('writeConflict', faults().writeConflict)) {
        throw new ApiError(
          'Conflict',
          'injected: the object has been modified; please apply your changes to the latest version and try again',
        );
      }
      const answer = await inner.request(request);
      if (isWrite && happens('crashAfterWrite', faults().crashAfterWrite)) crash();
      if (isWrite && happens('answerLost', faults().answerLost)) throw new ApiError('ServiceUnavailable', 'injected: the answer was lost');
      return answer;
    },
    stream: async function* (path, signal) {
      for await (const chunk of inner.stream(path, signal)) {
        if (happens('watchDropped', faults().watchDropped)) throw new ApiError('ServiceUnavailable', 'injected: the watch broke off');
        if (happens('watchExpired', faults().watchExpired)) throw new ApiError('Expired', 'injected: too old resource version');
        const { chance, delayMsMax = 0 } = faults().watchDelayed ?? {};
        if (happens('watchDelayed', chance)) await clock.sleep(random.next() * delayMsMax, signal);
        yield chunk;
      }
    },
  };
}
