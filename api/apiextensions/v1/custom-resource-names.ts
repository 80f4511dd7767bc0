/**
 * Who may have which name. Definitions of one group share plural, singular and short names, and kinds; whoever was accepted first keeps a name. Decides
 * what a definition's status says of that, purely, from the definition and the names in use.
 * Source: k8s.io/apiextensions-apiserver, pkg/controller/status/naming_controller.go and pkg/controller/establish.
 */
import type { CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionStatus } from '../../generated/types.ts';
import { type ConditionLike, isConditionTrue, withCondition } from '../../meta/condition.ts';
import { jsonEquals } from '../../meta/json.ts';

/** What others of the group have: custom resources that were accepted, and built-in ones. */
export interface NamesInUse {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

type Names = CustomResourceDefinitionNames;

const NO_NAMES: Names = { plural: '', kind: '' };

/** The status with names and conditions as they should be; the same object when nothing changes. `time` is when it did. */
export function planNames(definition: CustomResourceDefinition, inUse: NamesInUse, time: string): CustomResourceDefinitionStatus {
  const status = definition.status ?? {};
  const requested = definition.spec.names;
  const { acceptedNames, conflict } = accept(requested, status.acceptedNames ?? NO_NAMES, inUse);
  const accepted: ConditionLike =
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict };
  const conditions = withCondition(status.conditions, accepted, time);
  const planned = { ...status, acceptedNames, conditions: withCondition(conditions, establishedOf(status, conflict === undefined), time) };
  return jsonEquals(planned, status) ? status : planned;
}

/** Once established, a definition stays so, whatever becomes of its names. */
function establishedOf({ conditions }: CustomResourceDefinitionStatus, areNamesAccepted: boolean): ConditionLike {
  const type = 'Established';
  if (areNamesAccepted || isConditionTrue(conditions, type)) {
    return { type, status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' };
  }
  return { type, status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
}

interface Conflict {
  readonly reason: string;
  readonly message: string;
}

/** Names that are free are taken even if others are not. The last conflict is the one that is told, as upstream has it. */
function accept(
  requested: Names,
  accepted: Names,
  { resources, kinds }: NamesInUse,
): { acceptedNames: Names; conflict: Conflict | undefined } {
  const conflicts: Conflict[] = [];
  const pick = (name: 'plural' | 'singular' | 'kind' | 'listKind', reason: string, used: ReadonlySet<string>) => {
    const wanted = requested[name] ?? '';
    if (wanted === accepted[name] || !used.has(wanted)) return wanted;
    conflicts.push({ reason, message: `${JSON.stringify(wanted)} is already in use` });
    return accepted[name] ?? '';
  };
  const plural = pick('plural', 'PluralConflict', resources);
  const singular = pick('singular', 'SingularConflict', resources);
  const taken = (requested.shortNames ?? []).filter((name) => !accepted.shortNames?.includes(name) && resources.has(name));
  if (taken.length > 0) {
    const messages = taken.map((name) => `${JSON.stringify(name)} is already in use`);
    conflicts.push({ reason: 'ShortNamesConflict', message: messages.length === 1 ? messages.join() : `[${messages.join(', ')}]` });
  }
  const shortNames = taken.length > 0 ? accepted.shortNames : requested.shortNames;
  const kind = pick('kind', 'KindConflict', kinds);
  const listKind = pick('listKind', 'ListKindConflict', kinds);
  const { categories } = requested;
  const acceptedNames = {
    plural,
    singular,
    ...(shortNames === undefined ? {} : { shortNames }),
    kind,
    listKind,
    ...(categories === undefined ? {} : { categories }),
  };
  return { acceptedNames, conflict: conflicts.at(-1) };
}

/** Names that are already accepted, of definitions of one group. */
export function namesOf(definitions: readonly CustomResourceDefinition[]): NamesInUse {
  const names = definitions.flatMap(({ status }) => status?.acceptedNames ?? []);
  const filled = (texts: readonly (string | undefined)[]) => new Set(texts.filter((text) => text !== undefined && text !== '').map(String));
  return {
    resources: filled(names.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames])),
    kinds: filled(names.flatMap(({ kind, listKind }) => [kind, listKind])),
  };
}
