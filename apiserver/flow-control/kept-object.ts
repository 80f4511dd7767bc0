/**
 * What becomes of a default object that is there already. Mandatory ones always have the spec they should; suggested ones as long as nobody has taken them over, which
 * the annotation says, or, without it, a spec that was changed. Pure. Source: pkg/registry/flowcontrol/ensurer/strategy.go.
 */
import type { ObjectMeta } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import { AUTO_UPDATE, mandatoryNames } from './flow-objects.ts';

interface Kept {
  readonly metadata: Partial<ObjectMeta>;
  readonly spec: unknown;
}

export interface Operation {
  readonly op: 'add' | 'replace';
  readonly path: string;
  readonly value: unknown;
}

/** A JSON patch; empty when all is as it should be. */
export function operationsToKeep(present: Kept, wanted: Kept): readonly Operation[] {
  const { name = '', annotations = {} } = present.metadata;
  const isKept = mandatoryNames.has(name) || isAutoUpdated(present.metadata);
  const said = parseBoolean(annotations[AUTO_UPDATE]);
  return [
    ...(said === isKept
      ? []
      : [{ op: 'add' as const, path: '/metadata/annotations', value: { ...annotations, [AUTO_UPDATE]: String(isKept) } }]),
    ...(isKept && !jsonEquals(present.spec, wanted.spec) ? [{ op: 'replace' as const, path: '/spec', value: wanted.spec }] : []),
  ];
}

/** One that is no default any more, and that nobody has taken over, goes. */
export function isLeftOver({ metadata }: Kept, defaults: ReadonlySet<string>): boolean {
  return parseBoolean(metadata.annotations?.[AUTO_UPDATE]) === true && !defaults.has(metadata.name ?? '');
}

function isAutoUpdated({ annotations, generation }: Partial<ObjectMeta>): boolean {
  return parseBoolean(annotations?.[AUTO_UPDATE]) ?? generation === 1;
}

/** As Go's. */
function parseBoolean(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : undefined;
}
