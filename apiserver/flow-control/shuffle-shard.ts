/**
 * Shuffle sharding: each flow is dealt a small hand of its level's queues, so that a flow that floods its hand leaves every other flow at least one queue of its own,
 * nearly always. Pure. Source: KEP-1040, k8s.io/apiserver, pkg/util/shufflesharding.
 */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const SECOND_SEED = 0x9e3779b9;
const HALF_BITS = 26;

/** Of the queues 0 … queues − 1, as many different ones as the hand has places. The same flow always gets the same hand. */
export function dealHand(flow: string, queues: number, handSize: number): readonly number[] {
  let chance = hashOf(flow);
  const hand: number[] = [];
  for (let dealt = 0; dealt < handSize; dealt++) {
    const left = queues - dealt;
    let card = chance % left;
    chance = Math.floor(chance / left);
    // Cards are numbered among those that are left: step over the ones that are gone.
    for (const taken of [...hand].sort((one, other) => one - other)) if (card >= taken) card++;
    hand.push(card);
  }
  return hand;
}

/** 52 bits of the text: as many as a number holds exactly. */
function hashOf(text: string): number {
  return (fnv(text, FNV_OFFSET) >>> (32 - HALF_BITS)) * 2 ** HALF_BITS + (fnv(text, FNV_OFFSET ^ SECOND_SEED) >>> (32 - HALF_BITS));
}

function fnv(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  // Short texts that differ in their last character differ in few of the upper bits; this spreads them.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
