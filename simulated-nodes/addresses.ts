/** Addresses for nodes and pods that have no network: out of an IPv4 range, each to one at a time. */

/** `10.244.1.0/24` and 5 are `10.244.1.5`. Throws RangeError when the range ends before. */
export function addressAt(range: string, offset: number): string {
  const [address = '', prefix = ''] = range.split('/');
  if (offset >= 2 ** (32 - Number(prefix))) throw new RangeError(`${range} has no address ${offset}`);
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

/** Network and gateway. */
const FIRST_OFFSET = 2;

export interface AddressBook {
  /** The address of this holder in the range, the same each time; the first free one if it has none. Undefined when the range is used up. */
  hold(range: string, holder: string): string | undefined;
  /** Notes an address that a holder has from before. */
  note(address: string, holder: string): void;
  release(holder: string): void;
}

export function createAddressBook(): AddressBook {
  const byHolder = new Map<string, string>();
  const taken = new Set<string>();
  /** By range: nothing is free before it. */
  const firstFree = new Map<string, number>();
  const note = (address: string, holder: string): string => {
    byHolder.set(holder, address);
    taken.add(address);
    return address;
  };
  return {
    note,
    hold: (range, holder) => {
      const own = byHolder.get(holder);
      if (own !== undefined) return own;
      const size = 2 ** (32 - Number(range.split('/')[1]));
      for (let offset = firstFree.get(range) ?? FIRST_OFFSET; offset < size - 1; offset++) {
        const address = addressAt(range, offset);
        if (taken.has(address)) continue;
        firstFree.set(range, offset + 1);
        return note(address, holder);
      }
      return undefined;
    },
    release: (holder) => {
      if (taken.delete(byHolder.get(holder) ?? '')) firstFree.clear();
      byHolder.delete(holder);
    },
  };
}
