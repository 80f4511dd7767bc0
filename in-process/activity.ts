/**
 * How a cluster within one process knows that everybody has done what there is to do: no request is under way, and for some turns of the event loop none came and
 * nothing was watched. What is still to come then waits for time to pass. Used to move a virtual clock without leaving anybody behind.
 */

/** A chain of promises between two requests is shorter than this. */
const QUIET_TURNS = 6;
/** A hot loop would keep this busy for ever; it says so instead. */
const TURNS_MAX = 200_000;

export interface Activity {
  /** Something happens; the returned function says that it is over. */
  begin(): () => void;
  /** Something happened. */
  note(): void;
  /** Throws when the cluster does not come to rest. */
  settle(): Promise<void>;
}

export function createActivity(): Activity {
  let underWay = 0;
  let count = 0;
  return {
    note: () => {
      count++;
    },
    begin: () => {
      underWay++;
      count++;
      return () => {
        underWay--;
        count++;
      };
    },
    settle: async () => {
      let quiet = 0;
      let seen = count;
      for (let turn = 0; quiet < QUIET_TURNS; turn++) {
        if (turn > TURNS_MAX) throw new Error(`the cluster does not come to rest: ${count - seen} requests and changes, and no end`);
        await new Promise((resolve) => setImmediate(resolve));
        quiet = underWay === 0 && count === seen ? quiet + 1 : 0;
        if (quiet === 0) seen = count;
      }
    },
  };
}
