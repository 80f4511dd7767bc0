/**
 * How many requests are worked on at once. One that comes on top is told to come back at once, which costs next to nothing, rather than held with its body in
 * memory. Watches and logs are not counted: they wait for events, not for us. Upstream's simpler predecessor of priority and fairness.
 */
import { ApiError } from '#api/meta/status.ts';

/** Many times what one process can work on; at 3 MiB a body this bounds memory to what a node has. */
const READS_MAX = 1_000;
const WRITES_MAX = 500;

export interface InFlightLimit {
  /** Gives the function that ends the request's turn. Throws TooManyRequests. */
  enter(verb: string): () => void;
}

export function createInFlightLimit(): InFlightLimit {
  const counts = { reads: 0, writes: 0 };
  return {
    enter: (verb) => {
      const kind = verb === 'get' || verb === 'list' ? 'reads' : 'writes';
      if (counts[kind] >= (kind === 'reads' ? READS_MAX : WRITES_MAX)) {
        throw new ApiError('TooManyRequests', 'Too many requests, please try again later.');
      }
      counts[kind]++;
      return () => {
        counts[kind]--;
      };
    },
  };
}
