/**
 * Field selectors: `?fieldSelector=spec.nodeName=worker-1,status.phase!=Failed`. Only the fields that a kind lists as selectable can be
 * asked for; the server checks that with `unsupportedFields` and asks the matcher with the definition's `selectableFields`.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/ ; messages as apimachinery's fields package.
 */
import { SelectorError } from './label-selector.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Takes the text; gives its requirements, sorted. `\,`, `\=` and `\\` stand for themselves in values. Throws `SelectorError`. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  const parts = splitAtCommas(text).filter((part) => part !== '');
  return parts.sort().map((part) => parseTerm(part, text));
}

export function matchesFields(requirements: readonly FieldRequirement[], fields: Readonly<Record<string, string>>): boolean {
  return requirements.every(({ field, operator, value }) => {
    const actual = Object.hasOwn(fields, field) ? (fields[field] ?? '') : '';
    return (actual === value) === (operator === '=');
  });
}

/** The fields of a selector that a kind does not offer; the server refuses them one by one. */
export function unsupportedFields(requirements: readonly FieldRequirement[], offered: Readonly<Record<string, string>>): readonly string[] {
  return requirements.map(({ field }) => field).filter((field) => !Object.hasOwn(offered, field));
}

/** What the requirements pin a field to, as `metadata.name=web` does; lets a list become a single read. */
export function requiredFieldValue(requirements: readonly FieldRequirement[], field: string): string | undefined {
  return requirements.find((requirement) => requirement.field === field && requirement.operator === '=')?.value;
}

function splitAtCommas(text: string): string[] {
  return text.match(/(?:\\.|[^,\\]|\\$)+/gs) ?? [];
}

/** The first operator outside an escape parts field from value. */
function parseTerm(part: string, whole: string): FieldRequirement {
  const [, field, operator, value = ''] = /^((?:\\.|[^\\=!]|!(?!=))*)(!=|==?)(.*)$/s.exec(part) ?? [];
  if (field === undefined || operator === undefined) {
    throw new SelectorError(`invalid selector: '${whole}'; can't understand '${part}'`);
  }
  return { field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value, whole) };
}

function unescapeValue(value: string, whole: string): string {
  const unescaped = /(?<!\\)(?:\\\\)*\\(?![\\,=])/.test(value) || /^(?:\\.|[^\\])*?=/s.test(value);
  if (unescaped) throw new SelectorError(`invalid selector: '${whole}'; can't understand '${value}'`);
  return value.replace(/\\([\\,=])/g, '$1');
}
