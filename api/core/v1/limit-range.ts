/** LimitRanges: how much one pod, container or claim of a namespace may ask for. Defaults and rules. Source: upstream's ValidateLimitRange. */
import type { LimitRange, LimitRangeItem } from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems, qualifiedNameProblems } from '../../meta/names.ts';
import { compareQuantities, parseQuantity } from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { applyResourceListDefaults, isOvercommittable } from './resource-list.ts';

const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

export function applyLimitRangeDefaults(limitRange: LimitRange): LimitRange {
  return { ...limitRange, spec: { ...limitRange.spec, limits: limitRange.spec.limits.map(applyItemDefaults) } };
}

/** A container that says nothing gets what is allowed at most as its limit, and its limit as its request. */
function applyItemDefaults(item: LimitRangeItem): LimitRangeItem {
  const canonical = withDefined(item, Object.fromEntries(lists.map((name) => [name, item[name] && applyResourceListDefaults(item[name])])));
  if (item.type !== 'Container') return canonical;
  const limits = { ...canonical.max, ...canonical.default };
  const requests = { ...canonical.min, ...limits, ...canonical.defaultRequest };
  return withDefined(canonical, {
    default: Object.keys(limits).length > 0 ? limits : undefined,
    defaultRequest: Object.keys(requests).length > 0 ? requests : undefined,
  });
}

export function validateLimitRange({ metadata, spec }: LimitRange): readonly FieldProblem[] {
  const types = spec.limits.map(({ type }) => type);
  return [
    ...validateObjectMeta(metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...spec.limits.flatMap((item, index) => {
      const field = `spec.limits[${index}]`;
      const isTwin = types.indexOf(item.type) < index;
      return [...(isTwin ? [duplicate(`${field}.type`, item.type)] : []), ...validateItem(item, field)];
    }),
  ];
}

function validateItem(item: LimitRangeItem, field: string): readonly FieldProblem[] {
  const names = [...new Set(lists.flatMap((list) => Object.keys(item[list] ?? {})))].sort();
  return [
    ...validateType(item, field),
    ...names.flatMap((name) => [
      ...qualifiedNameProblems(name).map((problem) => invalidValue(`${field}[${name}]`, name, problem)),
      ...validateBounds(item, name, field),
      ...validateRatio(item, name, field),
    ]),
  ];
}

function validateType(item: LimitRangeItem, field: string): readonly FieldProblem[] {
  const isEmpty = (list: 'default' | 'defaultRequest') => Object.keys(item[list] ?? {}).length === 0;
  if (item.type === '') return [required(`${field}.type`)];
  if (item.type === 'Pod') {
    const given = (['default', 'defaultRequest'] as const).filter((list) => !isEmpty(list));
    return given.map((list) => forbiddenField(`${field}.${list}`, "may not be specified when `type` is 'Pod'"));
  }
  const hasStorage = item.min?.storage !== undefined || item.max?.storage !== undefined;
  if (item.type !== 'PersistentVolumeClaim' || hasStorage) return [];
  return [required(`${field}.limits`, 'either minimum or maximum storage value is required, but neither was provided')];
}

/** min ≤ defaultRequest ≤ default ≤ max, as far as they are given. */
function validateBounds(item: LimitRangeItem, name: string, field: string): readonly FieldProblem[] {
  const [min, max] = [item.min?.[name], item.max?.[name]];
  const [limit, request] = [item.default?.[name], item.defaultRequest?.[name]];
  const isMore = (left: string | undefined, right: string | undefined) =>
    left !== undefined && right !== undefined && compareQuantities(parseQuantity(left), parseQuantity(right)) > 0;
  const problems: FieldProblem[] = [];
  const at = (list: string) => `${field}.${list}[${name}]`;
  if (isMore(min, max)) problems.push(invalidValue(at('min'), min, `min value ${min} is greater than max value ${max}`));
  if (isMore(min, request)) {
    problems.push(invalidValue(at('defaultRequest'), request, `min value ${min} is greater than default request value ${request}`));
  }
  if (isMore(request, max)) {
    problems.push(invalidValue(at('defaultRequest'), request, `default request value ${request} is greater than max value ${max}`));
  }
  if (isMore(request, limit)) {
    problems.push(
      invalidValue(at('defaultRequest'), request, `default request value ${request} is greater than default limit value ${limit}`),
    );
  }
  if (isMore(min, limit)) problems.push(invalidValue(at('default'), min, `min value ${min} is greater than default value ${limit}`));
  if (isMore(limit, max)) problems.push(invalidValue(at('default'), max, `default value ${limit} is greater than max value ${max}`));
  if (limit !== undefined && request !== undefined && limit !== request && !isOvercommittable(name)) {
    problems.push(invalidValue(field, limit, `default value ${limit} must equal to defaultRequest value ${request} in ${name}`));
  }
  return problems;
}

function validateRatio(item: LimitRangeItem, name: string, field: string): readonly FieldProblem[] {
  const ratio = item.maxLimitRequestRatio?.[name];
  if (ratio === undefined) return [];
  const path = `${field}.maxLimitRequestRatio[${name}]`;
  const nanosOf = (text: string | undefined) => (text === undefined ? undefined : Number(parseQuantity(text).nanos));
  const [wanted = 0, min, max] = [nanosOf(ratio), nanosOf(item.min?.[name]), nanosOf(item.max?.[name])];
  const problems = wanted < 1e9 ? [invalidValue(path, ratio, `ratio ${ratio} is less than 1`)] : [];
  if (!min || max === undefined || wanted / 1e9 <= max / min) return problems;
  return [...problems, invalidValue(path, ratio, `ratio ${ratio} is greater than max/min = ${(max / min).toFixed(6)}`)];
}
