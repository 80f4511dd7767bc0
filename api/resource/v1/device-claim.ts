/**
 * What claims and classes of devices say: requests, constraints, selectors, configuration. The parts that ResourceClaims, their templates and DeviceClasses share,
 * with defaults and rules. Source: upstream's pkg/apis/resource/validation.
 */
import type {
  DeviceClaim,
  DeviceClaimConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
  OpaqueDeviceConfiguration,
} from '../../generated/types.ts';
import { duplicate, invalidStructure, invalidValue, notSupported, required, tooLong, tooMany } from '../../meta/field-path.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems, type NameRule } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { validateDriverName } from '../../storage/v1/csi-names.ts';

const REQUESTS_MAX = 32;
const CONSTRAINTS_MAX = 32;
const CONFIGURATIONS_MAX = 32;
const SELECTORS_MAX = 32;
const ALTERNATIVES_MAX = 8;
const EXPRESSION_BYTES_MAX = 10 * 1024;
const PARAMETERS_BYTES_MAX = 10 * 1024;

const modes = ['All', 'ExactCount'] as const;
const EITHER = 'exactly one of `exactly` or `firstAvailable` is required';

export function applyDeviceClaimDefaults(claim: DeviceClaim): DeviceClaim {
  const { requests } = claim;
  return withDefined(claim, { requests: requests?.map(applyRequestDefaults) });
}

function applyRequestDefaults(request: DeviceRequest): DeviceRequest {
  const { exactly, firstAvailable } = request;
  return withDefined(request, { exactly: exactly && applyWishDefaults(exactly), firstAvailable: firstAvailable?.map(applyWishDefaults) });
}

/** One device, unless said otherwise. */
function applyWishDefaults<W extends ExactDeviceRequest | DeviceSubRequest>(wish: W): W {
  const allocationMode = wish.allocationMode || 'ExactCount';
  const count = allocationMode === 'ExactCount' ? wish.count || 1 : wish.count;
  const tolerations = wish.tolerations?.map((toleration: DeviceToleration) => ({
    ...toleration,
    operator: toleration.operator || 'Equal',
  }));
  return { ...wish, allocationMode, ...(count === undefined ? {} : { count }), ...(tolerations === undefined ? {} : { tolerations }) };
}

export function validateDeviceClaim({ requests = [], constraints = [], config = [] }: DeviceClaim, field: string): readonly FieldProblem[] {
  const names = new Set(requests.flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map((sub) => `${name}/${sub.name}`)]));
  return [
    ...validateNamedList(requests, REQUESTS_MAX, `${field}.requests`, validateRequest),
    ...validateList(constraints, CONSTRAINTS_MAX, `${field}.constraints`, (one, path) => validateConstraint(one, names, path)),
    ...validateList(config, CONFIGURATIONS_MAX, `${field}.config`, (one, path) => validateClaimConfiguration(one, names, path)),
  ];
}

function validateRequest({ exactly, firstAvailable = [] }: DeviceRequest, field: string): readonly FieldProblem[] {
  if (exactly === undefined && firstAvailable.length === 0) return [required(field, EITHER)];
  if (exactly !== undefined && firstAvailable.length > 0) return [invalidStructure(field, `${EITHER}, but multiple fields are set`)];
  if (exactly !== undefined) return validateWish(exactly, `${field}.exactly`);
  return validateNamedList(firstAvailable, ALTERNATIVES_MAX, `${field}.firstAvailable`, validateWish);
}

function validateWish(wish: ExactDeviceRequest | DeviceSubRequest, field: string): readonly FieldProblem[] {
  const { deviceClassName, selectors = [], allocationMode = '', count = 0 } = wish;
  return [
    ...validateName(deviceClassName, dns1123SubdomainProblems, `${field}.deviceClassName`),
    ...validateSelectors(selectors, `${field}.selectors`),
    ...validateCount(allocationMode, count, field),
  ];
}

function validateCount(mode: string, count: number, field: string): readonly FieldProblem[] {
  switch (mode) {
    case 'All':
      return count === 0 ? [] : [invalidValue(`${field}.count`, count, "must not be specified when allocationMode is 'All'")];
    case 'ExactCount':
      return count > 0 ? [] : [invalidValue(`${field}.count`, count, 'must be greater than zero')];
    default:
      return [notSupported(`${field}.allocationMode`, mode, modes)];
  }
}

export function validateSelectors(selectors: readonly DeviceSelector[], field: string): readonly FieldProblem[] {
  return validateList(selectors, SELECTORS_MAX, field, ({ cel }, path) => {
    if (cel === undefined) return [required(`${path}.cel`)];
    if (cel.expression === '') return [required(`${path}.cel.expression`)];
    const isLong = Buffer.byteLength(cel.expression) > EXPRESSION_BYTES_MAX;
    return isLong ? [tooLong(`${path}.cel.expression`, EXPRESSION_BYTES_MAX)] : [];
  });
}

function validateConstraint(constraint: DeviceConstraint, names: ReadonlySet<string>, field: string): readonly FieldProblem[] {
  const { requests = [], matchAttribute, distinctAttribute } = constraint;
  const hasAttribute = matchAttribute !== undefined || distinctAttribute !== undefined;
  return [
    ...validateReferences(requests, names, `${field}.requests`),
    ...(hasAttribute ? [] : [required(field, 'one of the following fields is required: matchAttribute, distinctAttribute')]),
  ];
}

function validateClaimConfiguration(
  { requests = [], opaque }: DeviceClaimConfiguration,
  names: ReadonlySet<string>,
  field: string,
): readonly FieldProblem[] {
  return [...validateReferences(requests, names, `${field}.requests`), ...validateOpaque(opaque, `${field}.opaque`)];
}

function validateReferences(references: readonly string[], names: ReadonlySet<string>, field: string): readonly FieldProblem[] {
  const why = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  return validateList(references, REQUESTS_MAX, field, (name, path) => (names.has(name) ? [] : [invalidValue(path, name, why)]));
}

/** Also of a class. */
export function validateConfigurations(
  list: readonly { readonly opaque?: OpaqueDeviceConfiguration }[],
  field: string,
): readonly FieldProblem[] {
  return validateList(list, CONFIGURATIONS_MAX, field, ({ opaque }, path) => validateOpaque(opaque, `${path}.opaque`));
}

function validateOpaque(opaque: OpaqueDeviceConfiguration | undefined, field: string): readonly FieldProblem[] {
  if (opaque === undefined) return [required(field)];
  const isLong = Buffer.byteLength(JSON.stringify(opaque.parameters ?? null)) > PARAMETERS_BYTES_MAX;
  return [
    ...validateDriverName(opaque.driver, `${field}.driver`),
    ...(opaque.parameters === undefined || opaque.parameters === null ? [required(`${field}.parameters`)] : []),
    ...(isLong ? [tooLong(`${field}.parameters`, PARAMETERS_BYTES_MAX)] : []),
  ];
}

export function validateName(name: string, rule: NameRule, field: string): readonly FieldProblem[] {
  return name === '' ? [required(field)] : rule(name).map((problem) => invalidValue(field, name, problem));
}

/** Items with a name of their own among each other. */
export function validateNamedList<T extends { readonly name: string }>(
  items: readonly T[],
  countMax: number,
  field: string,
  validate: (item: T, field: string) => readonly FieldProblem[],
): readonly FieldProblem[] {
  const names = items.map(({ name }) => name);
  return validateList(items, countMax, field, (item, path) => [
    ...validateName(item.name, dns1123LabelProblems, `${path}.name`),
    ...validate(item, path),
    ...(names.indexOf(item.name) < items.indexOf(item) ? [duplicate(`${path}.name`, item.name)] : []),
  ]);
}

export function validateList<T>(
  items: readonly T[],
  countMax: number,
  field: string,
  validate: (item: T, field: string) => readonly FieldProblem[],
): readonly FieldProblem[] {
  if (items.length > countMax) return [tooMany(field, items.length, countMax)];
  return items.flatMap((item, index) => validate(item, `${field}[${index}]`));
}
