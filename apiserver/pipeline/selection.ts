/**
 * Which objects a list or watch is about: the namespace, the label selector and the field selector, compiled once per distinct text. Works on what
 * the cache knows of an object, so that nothing is parsed to be left out.
 */
import {
  type FieldRequirement,
  matchesFields,
  parseFieldSelector,
  requiredFieldValue,
  unsupportedFields,
} from '#api/meta/field-selector.ts';
import { type LabelMatcher, parseLabelSelector, SelectorError } from '#api/meta/label-selector.ts';
import { ApiError } from '#api/meta/status.ts';
import { parseStored } from '../encoding/json-value.ts';
import { prepareServed, servedBytes } from '../encoding/served-bytes.ts';
import type { CachedObject } from '../storage/watch-cache.ts';
import { storageKey, storagePrefix } from '../storage-key.ts';
import type { ApiRequest } from './request.ts';
import { selectableFieldsOf } from './selectable-fields.ts';

export interface Selection {
  /** All keys that can match start with it; with `metadata.name` in the selector it is one key. */
  readonly prefix: string;
  /** Whether everything under the prefix matches. */
  readonly isEverything: boolean;
  matches(object: Pick<CachedObject, 'key' | 'labels' | 'fields' | 'bytes'>): boolean;
  /** There where a webhook converts: waits until `matches` can be asked about these. */
  prepare?(objects: readonly Pick<CachedObject, 'bytes'>[]): Promise<void>;
}

/** Those that the selection lets through. */
export async function selectObjects<T extends Pick<CachedObject, 'key' | 'labels' | 'fields' | 'bytes'>>(
  selection: Selection,
  objects: readonly T[],
): Promise<readonly T[]> {
  if (selection.isEverything) return objects;
  await selection.prepare?.(objects);
  return objects.filter(selection.matches);
}

/** Controllers and kubelets ask for the same few selections again and again. */
const SELECTORS_REMEMBERED_MAX = 512;
const labelMatchers = new Map<string, LabelMatcher>();
const fieldRequirements = new Map<string, readonly FieldRequirement[]>();

/** Throws BadRequest for selectors that cannot be parsed or that name fields the kind does not offer. */
export function parseSelection({ definition, info, query }: Pick<ApiRequest, 'definition' | 'info' | 'query'>): Selection {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const matchesLabels = remember(labelMatchers, labelText, () => parse(labelText, parseLabelSelector));
  const fields = remember(fieldRequirements, fieldText, () => parse(fieldText, parseFieldSelector));
  throwIfUnsupported(fields, definition);
  const stored = asStored(fields, definition);
  // A path may name the one object too: `watch/namespaces/x/pods/y`.
  const name = requiredFieldValue(fields, 'metadata.name') ?? info.name;
  const isOneKey = name !== '' && (info.namespace !== '' || !definition.type.isNamespaced);
  const oneKey = storageKey(definition.type, info.namespace, name);
  const isNamed = ({ key }: Pick<CachedObject, 'key'>) => !isOneKey || key === oneKey;
  const place = {
    prefix: isOneKey ? oneKey : storagePrefix(definition.type, info.namespace),
    isEverything: labelText === '' && fieldText === '' && !isOneKey,
  };
  if (definition.custom?.convertAhead === undefined) {
    const matches = (object: Pick<CachedObject, 'labels' | 'fields' | 'bytes'>) =>
      matchesLabels(object.labels) && matchesFields(stored, fieldsOf(object, definition, stored));
    return { ...place, matches: (object) => isNamed(object) && matches(object) };
  }
  const matches = (shown: Facts) => matchesLabels(shown.labels) && matchesFields(fields, shown.fields);
  return {
    ...place,
    matches: (object) => isNamed(object) && matches(shownFacts(definition, object.bytes)),
    prepare: (objects) =>
      prepareServed(
        definition,
        objects.map(({ bytes }) => bytes),
      ),
  };
}

function parse<T>(text: string, parser: (text: string) => T): T {
  try {
    return parser(text);
  } catch (error) {
    if (error instanceof SelectorError) throw new ApiError('BadRequest', error.message);
    throw error;
  }
}

function throwIfUnsupported(fields: readonly FieldRequirement[], definition: ApiRequest['definition']): void {
  if (fields.length === 0) return;
  const offered = selectableFieldsOf(definition);
  const [unsupported] = unsupportedFields(fields, offered);
  if (unsupported === undefined) return;
  const hasOwnFields = definition.custom !== undefined || Object.keys(offered).some((field) => !field.startsWith('metadata.'));
  const message = hasOwnFields
    ? `field label not supported: ${unsupported}`
    : `${JSON.stringify(unsupported)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
  throw new ApiError('BadRequest', message);
}

type Facts = Pick<CachedObject, 'labels' | 'fields'>;

/** By version, then by stored bytes. */
const factsByDefinition = new WeakMap<object, WeakMap<Buffer, Facts>>();

/** Of an object that a webhook has converted: it is selected by what it shows, not by what is stored. */
function shownFacts(definition: ApiRequest['definition'], stored: Buffer): Facts {
  const known = factsByDefinition.getOrInsertComputed(definition, () => new WeakMap());
  return known.getOrInsertComputed(stored, () => {
    const object = parseStored(servedBytes(definition, stored));
    return { labels: object.metadata.labels ?? {}, fields: definition.selectableFields(object) };
  });
}

/** Fields of objects that were read before their kind was defined, or before it offered the field. */
const lateFields = new WeakMap<object, Readonly<Record<string, string>>>();

/** What the cache knows of an object; of a custom resource it may know less than is asked for, and then the object is looked at. */
function fieldsOf(
  object: Pick<CachedObject, 'fields' | 'bytes'>,
  definition: ApiRequest['definition'],
  wanted: readonly FieldRequirement[],
): Readonly<Record<string, string>> {
  const isKnown = (fields: Readonly<Record<string, string>>) => wanted.every(({ field }) => Object.hasOwn(fields, field));
  if (definition.custom === undefined || isKnown(object.fields)) return object.fields;
  const known = lateFields.get(object);
  if (known !== undefined && isKnown(known)) return known;
  const fields = definition.selectableFields(parseStored(object.bytes));
  lateFields.set(object, fields);
  return fields;
}

/** The cache knows objects by the fields of their stored version. */
function asStored(fields: readonly FieldRequirement[], { storedAs }: ApiRequest['definition']): readonly FieldRequirement[] {
  const labels = storedAs?.fieldLabels;
  return labels === undefined
    ? fields
    : fields.map((requirement) => ({ ...requirement, field: labels[requirement.field] ?? requirement.field }));
}

function remember<T>(cache: Map<string, T>, text: string, make: () => T): T {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const made = make();
  if (cache.size >= SELECTORS_REMEMBERED_MAX) cache.clear();
  cache.set(text, made);
  return made;
}
