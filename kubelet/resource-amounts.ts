/** Amounts of resources as plain numbers: CPU in cores, everything else in bytes or pieces; what the kubelet hands to the engine. Pure. */
import { parseQuantity, type Quantity } from '#api/meta/quantity.ts';

const NANOS_PER_UNIT = 1e9;

type Amounts = Readonly<Record<string, string>> | undefined;

/** 0 for no amount. */
export function unitsOf(quantity: Quantity | undefined): number {
  return Number(quantity?.nanos ?? 0n) / NANOS_PER_UNIT;
}

/** 0 when the resource is not named. */
export function amountOf(amounts: Amounts, name: string): number {
  const text = amounts?.[name];
  return unitsOf(text === undefined ? undefined : parseQuantity(text));
}
