/** A binary heap: what comes before everything else is taken first. Adding and taking cost the logarithm of the size. */
export interface PriorityHeap<T> {
  add(item: T): void;
  take(): T | undefined;
  /** What `take` would give, left where it is. */
  peek(): T | undefined;
}

export function createPriorityHeap<T>(comesBefore: (left: T, right: T) => boolean): PriorityHeap<T> {
  const items: T[] = [];

  const isBefore = (left: number, right: number): boolean => {
    const [one, other] = [items[left], items[right]];
    return one !== undefined && other !== undefined && comesBefore(one, other);
  };
  const swap = (left: number, right: number): void => {
    const [one, other] = [items[left], items[right]];
    if (one === undefined || other === undefined) return;
    items[left] = other;
    items[right] = one;
  };
  const rise = (from: number): void => {
    for (let index = from; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!isBefore(index, parent)) return;
      swap(index, parent);
      index = parent;
    }
  };
  const sink = (): void => {
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      const child = isBefore(right, left) ? right : left;
      if (!isBefore(child, index)) return;
      swap(index, child);
      index = child;
    }
  };

  return {
    peek: () => items[0],
    add: (item) => {
      items.push(item);
      rise(items.length - 1);
    },
    take: () => {
      const [first] = items;
      const last = items.pop();
      if (items.length > 0 && last !== undefined) {
        items[0] = last;
        sink();
      }
      return first;
    },
  };
}
