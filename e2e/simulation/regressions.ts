/** Seeds that once failed, with what was wrong: `simulation.test.ts` runs them for ever. A seed means the same run only as long as nobody asks for more randomness; the reason stays. */

export interface Regression {
  readonly scenario: string;
  readonly seed: number;
  readonly reason: string;
}

export const regressions: readonly Regression[] = [
  {
    scenario: 'deployment-rolls',
    seed: 2,
    reason: 'a ReplicaSet got more pods than it was asked for when its controller was killed between two creations',
  },
  {
    scenario: 'indexed-job-completes-each-index-once',
    seed: 5,
    reason: 'an index got a second pod after the answer to the creation of its first was lost',
  },
];
