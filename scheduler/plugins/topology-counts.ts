/** Numbers per topology domain, which is a label's key and value: how many pods are in a zone, how much speaks for a host. */
import type { NodeInfo } from '../node-info.ts';
import type { ShapePlaces, Snapshot } from '../snapshot.ts';

export interface TopologyCounts {
  /** Adds to the node's domain; nothing where it lacks the label. */
  add(node: NodeInfo, topologyKey: string, amount: number): void;
  /** The same for all nodes with pods of a shape, as many times as there are pods. */
  addPlaces(places: ShapePlaces, topologyKey: string, amount: number, snapshot: Snapshot): void;
  /** Of the node's domain. */
  get(node: NodeInfo, topologyKey: string): number;
  /** Of the node's domains, all that were counted. */
  sum(node: NodeInfo): number;
  /** Whether all numbers are 0. */
  isEmpty(): boolean;
}

export function createTopologyCounts(): TopologyCounts {
  const byKey = new Map<string, Map<string, number>>();
  let nonZero = 0;

  const add = (node: NodeInfo, topologyKey: string, amount: number): void => {
    const value = node.labels[topologyKey];
    if (value === undefined || amount === 0) return;
    let values = byKey.get(topologyKey);
    if (values === undefined) {
      values = new Map();
      byKey.set(topologyKey, values);
    }
    const before = values.get(value) ?? 0;
    const after = before + amount;
    values.set(value, after);
    if (before === 0) nonZero += 1;
    else if (after === 0) nonZero -= 1;
  };
  return {
    add,
    addPlaces: ({ nodes }, topologyKey, amount, snapshot) => {
      for (const [name, count] of nodes) {
        const node = snapshot.find(name);
        if (node !== undefined) add(node, topologyKey, amount * count);
      }
    },
    get: (node, topologyKey) => {
      const value = node.labels[topologyKey];
      return value === undefined ? 0 : (byKey.get(topologyKey)?.get(value) ?? 0);
    },
    sum: (node) => {
      let sum = 0;
      for (const [key, values] of byKey) sum += values.get(node.labels[key] ?? '') ?? 0;
      return sum;
    },
    isEmpty: () => nonZero === 0,
  };
}
