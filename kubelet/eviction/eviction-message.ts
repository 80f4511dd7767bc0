/** Why a pod was evicted, in upstream's words, trailing blanks included: tools match them. Pure. Source: `evictionMessage` in pkg/kubelet/eviction/helpers.go */
import type { Pod } from '#api/generated/types.ts';
import { compareQuantities, formatQuantity, parseQuantity, quantityFromNumber } from '#api/meta/quantity.ts';
import type { Observations } from './pressure.ts';
import { amountOfWhole, signals, type Threshold } from './thresholds.ts';

/** `used`: of each container, by name; only of those that could be measured. */
export function evictionMessage(pod: Pod, threshold: Threshold, observations: Observations, used: ReadonlyMap<string, number>): string {
  const { resource } = signals[threshold.signal];
  return [
    `The node was low on resource: ${resource}. `,
    thresholdText(threshold, observations),
    ...containerTexts(pod, resource, used),
  ].join('');
}

function thresholdText({ signal, value }: Threshold, observations: Observations): string {
  const observed = observations.get(signal);
  if (observed === undefined) return '';
  const format = (units: number) =>
    formatQuantity(
      quantityFromNumber(Math.floor(units), signal.endsWith('available') && signal !== 'pid.available' ? 'binary' : 'decimal'),
    );
  return `Threshold quantity: ${format(amountOfWhole(value, observed.capacity))}, available: ${format(observed.available)}. `;
}

function containerTexts({ spec }: Pod, resource: string, used: ReadonlyMap<string, number>): readonly string[] {
  return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ name, resources }) => {
    const units = used.get(name);
    if (units === undefined) return [];
    const usage = quantityFromNumber(units, 'binary');
    const request = resources?.requests?.[resource] ?? '0';
    if (compareQuantities(usage, parseQuantity(request)) <= 0) return [];
    return [`Container ${name} was using ${formatQuantity(usage)}, request is ${request}, has larger consumption of ${resource}. `];
  });
}

/** A pod that comes to a node which is short of something. */
export function refusalMessage(pressures: ReadonlySet<string>): string {
  return `The node had condition: [${[...pressures].join(' ')}]. `;
}
