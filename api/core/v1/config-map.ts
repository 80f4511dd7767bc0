/** ConfigMaps: rules, and that an immutable one stays as it is. */
import type { ConfigMap } from '../../generated/types.ts';
import { forbiddenField, invalidValue, tooLong } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dataKeyProblems, dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';

/** Keys and values of one ConfigMap or Secret together: they are held in memory by every node that uses them. */
export const DATA_BYTES_MAX = 1024 * 1024;

export function validateConfigMap(configMap: ConfigMap): readonly FieldProblem[] {
  const { data = {}, binaryData = {} } = configMap;
  const problems = [...validateObjectMeta(configMap.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems })];
  problems.push(...validateDataKeys(data, 'data'), ...validateDataKeys(binaryData, 'binaryData'));
  const twins = Object.keys(data).filter((key) => Object.hasOwn(binaryData, key));
  problems.push(...twins.map((key) => invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData')));
  const bytes = dataBytes(data) + dataBytes(binaryData, 'base64');
  return bytes > DATA_BYTES_MAX ? [...problems, tooLong('', DATA_BYTES_MAX)] : problems;
}

export function validateDataKeys(data: Readonly<Record<string, string>>, field: string): readonly FieldProblem[] {
  return Object.keys(data).flatMap((key) => dataKeyProblems(key).map((problem) => invalidValue(`${field}[${key}]`, key, problem)));
}

/** Keys and values as they are once decoded. */
export function dataBytes(data: Readonly<Record<string, string>>, encoding: 'utf8' | 'base64' = 'utf8'): number {
  return Object.entries(data).reduce((sum, [key, value]) => sum + key.length + Buffer.byteLength(value, encoding), 0);
}

export function validateConfigMapUpdate(configMap: ConfigMap, previous: ConfigMap): readonly FieldProblem[] {
  return validateImmutableData(configMap, previous, ['data', 'binaryData']);
}

interface Data {
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** What is once immutable stays so, and its data with it. */
export function validateImmutableData(object: Data, previous: Data, fields: readonly ('data' | 'binaryData')[]): readonly FieldProblem[] {
  if (previous.immutable !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  const changed = fields.filter((field) => !jsonEquals(object[field] ?? {}, previous[field] ?? {}));
  const problems = changed.map((field) => forbiddenField(field, detail));
  return object.immutable === true ? problems : [forbiddenField('immutable', detail), ...problems];
}
