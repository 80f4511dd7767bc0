/**
 * A thread beside a server that is being fuzzed: when its event loop stops turning, nothing in it can say so. Knows which inputs are under way, names them and ends the
 * process. Started by `run.ts`.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { chanceOf } from './chance.ts';
import { requestBytes } from './connection.ts';
import { inputOf } from './inputs.ts';

export interface WatchdogData {
  readonly seed: number;
  /** A count that goes up while the loop turns, then the number of the input of each connection. */
  readonly shared: SharedArrayBuffer;
}

const LOOK_MS = 1_000;
/** Longer than anything that is only slow, on a busy machine. */
const HUNG_MS_MAX = 20_000;
const SHOWN_CHARACTERS_MAX = 1_000;
const STANDARD_ERROR = 2;

const { seed, shared }: WatchdogData = workerData;
const numbers = new Int32Array(shared);
const state = { beat: -1, still: 0 };

setInterval(() => {
  const beat = Atomics.load(numbers, 0);
  state.still = beat === state.beat ? state.still + LOOK_MS : 0;
  state.beat = beat;
  if (state.still < HUNG_MS_MAX) return;
  for (const index of new Set(numbers.slice(1))) {
    const shown = requestBytes(inputOf(chanceOf(seed, index)))
      .toString('latin1')
      .slice(0, SHOWN_CHARACTERS_MAX);
    writeSync(
      STANDARD_ERROR,
      `\nthe event loop stands still; under way: input ${index} (npm run fuzz -- --seed=${seed} --only=${index})\n${shown}\n`,
    );
  }
  process.kill(process.pid, 'SIGKILL');
}, LOOK_MS);
