/**
 * PriorityLevelConfigurations: how much of the server requests of one priority may use, and how they queue. Defaults and rules, in upstream's words
 * (pkg/apis/flowcontrol/validation).
 */
import type {
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { validateConditionTypes } from './conditions.ts';
import { mandatoryPriorityLevels } from './mandatory.ts';

const QUEUES_DEFAULT = 64;
const QUEUES_MAX = 10_000_000;
const HAND_SIZE_DEFAULT = 8;
const QUEUE_LENGTH_DEFAULT = 50;
const SHARES_DEFAULT = 30;

/** How much chance a flow's hash carries: what dealing its hand of queues may use up. */
const HASH_BITS_MAX = 60;

const EXEMPT = 'exempt';

export function applyPriorityLevelDefaults(level: PriorityLevelConfiguration): PriorityLevelConfiguration {
  const { limited, exempt } = level.spec;
  const spec = {
    ...level.spec,
    ...(exempt === undefined
      ? {}
      : {
          exempt: {
            ...exempt,
            nominalConcurrencyShares: exempt.nominalConcurrencyShares ?? 0,
            lendablePercent: exempt.lendablePercent ?? 0,
          },
        }),
    ...(limited === undefined ? {} : { limited: withLimitDefaults(limited) }),
  };
  return { ...level, spec };
}

function withLimitDefaults(limited: LimitedPriorityLevelConfiguration): LimitedPriorityLevelConfiguration {
  const { limitResponse } = limited;
  return {
    ...limited,
    nominalConcurrencyShares: limited.nominalConcurrencyShares ?? SHARES_DEFAULT,
    lendablePercent: limited.lendablePercent ?? 0,
    ...(limitResponse?.queuing === undefined
      ? {}
      : { limitResponse: { ...limitResponse, queuing: withQueuingDefaults(limitResponse.queuing) } }),
  };
}

function withQueuingDefaults({ queues, handSize, queueLengthLimit }: QueuingConfiguration): QueuingConfiguration {
  return {
    queues: queues || QUEUES_DEFAULT,
    handSize: handSize || HAND_SIZE_DEFAULT,
    queueLengthLimit: queueLengthLimit || QUEUE_LENGTH_DEFAULT,
  };
}

export function validatePriorityLevel({ metadata, spec, status }: PriorityLevelConfiguration): readonly FieldProblem[] {
  const name = metadata.name ?? '';
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...validateSpec(spec, name),
    ...fixedProblems(spec, name),
    ...validateConditionTypes(status?.conditions ?? []),
  ];
}

/** Of the exempt level, what it has of the server may be changed, and nothing else. */
function fixedProblems(spec: PriorityLevelConfigurationSpec, name: string): readonly FieldProblem[] {
  const fixed = mandatoryPriorityLevels.get(name);
  if (fixed === undefined) return [];
  const isExempt = name === EXEMPT;
  const { exempt: _is, ...rest } = spec;
  const { exempt: _was, ...fixedRest } = fixed;
  if (isExempt ? jsonEquals(rest, fixedRest) : jsonEquals(spec, fixed)) return [];
  const what = isExempt ? `spec of '${name}' except the 'spec.exempt' field` : `spec of '${name}'`;
  return [invalidValue('spec', spec, `${what} must equal the fixed value`)];
}

function validateSpec(spec: PriorityLevelConfigurationSpec, name: string): readonly FieldProblem[] {
  const { type } = spec;
  const isMisnamed = (name === EXEMPT) !== (type === 'Exempt');
  const misnamed = isMisnamed ? [invalidValue('spec.type', type, "type must be 'Exempt' if and only if name is 'exempt'")] : [];
  switch (type) {
    case 'Exempt':
      return [...misnamed, ...exemptProblems(spec)];
    case 'Limited':
      return [...misnamed, ...limitedProblems(spec)];
    default:
      return [...misnamed, notSupported('spec.type', type, ['Exempt', 'Limited'])];
  }
}

function exemptProblems({ exempt, limited }: PriorityLevelConfigurationSpec): readonly FieldProblem[] {
  return [
    ...(limited === undefined ? [] : [forbiddenField('spec.limited', 'must be nil if the type is not Limited')]),
    ...(exempt === undefined
      ? [required('spec.exempt', 'must not be empty when type is Exempt')]
      : [...sharesProblems(exempt.nominalConcurrencyShares, 'spec.exempt'), ...lendableProblems(exempt.lendablePercent, 'spec.exempt')]),
  ];
}

function limitedProblems({ exempt, limited }: PriorityLevelConfigurationSpec): readonly FieldProblem[] {
  const misplaced = exempt === undefined ? [] : [forbiddenField('spec.exempt', 'must be nil if the type is Limited')];
  if (limited === undefined) return [...misplaced, required('spec.limited', 'must not be empty when type is Limited')];
  const { borrowingLimitPercent: borrowing = 0 } = limited;
  return [
    ...misplaced,
    ...sharesProblems(limited.nominalConcurrencyShares, 'spec.limited'),
    ...limitResponseProblems(limited.limitResponse ?? { type: '' }, 'spec.limited.limitResponse'),
    ...lendableProblems(limited.lendablePercent, 'spec.limited'),
    ...(borrowing < 0
      ? [invalidValue('spec.limited.borrowingLimitPercent', borrowing, 'if specified, must be a non-negative integer')]
      : []),
  ];
}

function sharesProblems(shares: number | undefined, field: string): readonly FieldProblem[] {
  if ((shares ?? 0) >= 0) return [];
  return [invalidValue(`${field}.nominalConcurrencyShares`, shares, 'must be a non-negative integer')];
}

function lendableProblems(percent: number | undefined, field: string): readonly FieldProblem[] {
  if (percent === undefined || (percent >= 0 && percent <= 100)) return [];
  return [invalidValue(`${field}.lendablePercent`, percent, 'must be between 0 and 100, inclusive')];
}

/** The odd `is not Limited` in two of the messages is upstream's. */
function limitResponseProblems({ type, queuing }: LimitResponse, field: string): readonly FieldProblem[] {
  if (type === 'Reject') {
    return queuing === undefined ? [] : [forbiddenField(`${field}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')];
  }
  if (type !== 'Queue') return [notSupported(`${field}.type`, type, ['Queue', 'Reject'])];
  if (queuing === undefined) return [required(`${field}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')];
  return queuingProblems(queuing, `${field}.queuing`);
}

function queuingProblems(queuing: QueuingConfiguration, field: string): readonly FieldProblem[] {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  const problem = (name: keyof QueuingConfiguration, why: string) => invalidValue(`${field}.${name}`, queuing[name], why);
  const problems: FieldProblem[] = [];
  if (queueLengthLimit <= 0) problems.push(problem('queueLengthLimit', 'must be positive'));
  if (queues <= 0) problems.push(problem('queues', 'must be positive'));
  else if (queues > QUEUES_MAX) problems.push(problem('queues', `must not be greater than ${QUEUES_MAX}`));
  if (handSize <= 0) problems.push(problem('handSize', 'must be positive'));
  else if (handSize > queues) problems.push(problem('handSize', `should not be greater than queues (${queues})`));
  else if (Math.ceil(Math.log2(queues) * handSize) > HASH_BITS_MAX) {
    const why = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${HASH_BITS_MAX}`;
    problems.push(problem('handSize', why));
  }
  return problems;
}
