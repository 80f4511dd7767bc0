/**
 * Conditions in CEL that a request must meet for a webhook to be asked, over `object`, `oldObject` and `request`. What is wrong with them, and whether they hold.
 * Source: k8s.io/apiserver, pkg/admission/plugin/webhook/matchconditions/matcher.go (KEP-3716).
 */
import type { MatchCondition } from '../../generated/types.ts';
import { duplicate, invalidValue, required, tooMany } from '../../meta/field-path.ts';
import { isJsonArray, isJsonObject } from '../../meta/json.ts';
import { qualifiedNameProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { compileExpression, type Expression, firstLine } from '../../structural-schema/expression.ts';
import { type Budget, createBudget, toCountedList, toCountedMap } from '../../structural-schema/expression-value.ts';

/** Each is evaluated for every request that the rules match. */
const CONDITIONS_MAX = 64;

export interface ConditionInput {
  readonly object: unknown;
  readonly oldObject: unknown;
  readonly request: unknown;
}

/** Of conditions that cannot be evaluated, what went wrong; a condition that is false goes before any of those. */
export type ConditionVerdict = { readonly holds: boolean } | { readonly holds: undefined; readonly problem: string };

export interface CompiledConditions {
  evaluate(input: ConditionInput): ConditionVerdict;
}

export function validateMatchConditions(conditions: readonly MatchCondition[], field: string): readonly FieldProblem[] {
  const names = conditions.map(({ name }) => name ?? '');
  return [
    ...(conditions.length > CONDITIONS_MAX ? [tooMany(field, conditions.length, CONDITIONS_MAX)] : []),
    ...conditions.flatMap((condition, index) => [
      ...expressionProblems(condition, `${field}[${index}].expression`),
      ...nameProblems(condition.name ?? '', names.slice(0, index), `${field}[${index}].name`),
    ]),
  ];
}

function expressionProblems({ expression = '' }: Partial<MatchCondition>, field: string): readonly FieldProblem[] {
  const text = expression.trim();
  if (text === '') return [required(field)];
  const compiled = compileExpression(text, 'bool', 'admission');
  if (typeof compiled !== 'string') return [];
  const detail = compiled.startsWith('must evaluate to') ? compiled : `compilation failed: ${compiled}`;
  return [invalidValue(field, text, detail)];
}

function nameProblems(name: string, earlier: readonly string[], field: string): readonly FieldProblem[] {
  if (name === '') return [required(field)];
  const problems = qualifiedNameProblems(name).map((problem) => invalidValue(field, name, problem));
  return earlier.includes(name) ? [...problems, duplicate(field, name)] : problems;
}

interface Compiled {
  readonly text: string;
  readonly expression: Expression | string;
}

/** Takes conditions that validation has accepted; one that cannot be compiled fails whenever it is evaluated. */
export function compileMatchConditions(conditions: readonly MatchCondition[]): CompiledConditions {
  const compiled = conditions.map(({ expression }) => ({
    text: expression,
    expression: compileExpression(expression.trim(), 'bool', 'admission'),
  }));
  return { evaluate: (input) => evaluateAll(compiled, input) };
}

function evaluateAll(conditions: readonly Compiled[], input: ConditionInput): ConditionVerdict {
  if (conditions.length === 0) return { holds: true };
  const budget = createBudget();
  const variables = {
    object: toValue(input.object, budget),
    oldObject: toValue(input.oldObject, budget),
    request: toValue(input.request, budget),
  };
  const problems: string[] = [];
  for (const condition of conditions) {
    const verdict = evaluateOne(condition, variables);
    if (verdict === false) return { holds: false };
    if (verdict !== true) problems.push(verdict);
  }
  if (problems.length === 0) return { holds: true };
  return { holds: undefined, problem: problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]` };
}

function evaluateOne({ text, expression }: Compiled, variables: Readonly<Record<string, unknown>>): boolean | string {
  const failed = (why: string) => `expression '${text}' resulted in error: ${why}`;
  if (typeof expression === 'string') return failed(`compilation failed: ${expression}`);
  try {
    const result = expression.evaluate(variables);
    return typeof result === 'boolean' ? result : failed('the result is no boolean');
  } catch (error) {
    return failed(firstLine(error));
  }
}

/** Without a schema: whole numbers are integers, texts are texts, null is null. */
function toValue(value: unknown, budget: Budget): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (isJsonArray(value)) {
    return toCountedList(
      value.map((item) => toValue(item, budget)),
      budget,
    );
  }
  if (!isJsonObject(value)) return value ?? null;
  const present = Object.entries(value).filter(([, member]) => member !== undefined);
  const members = present.map(([name, member]): [string, unknown] => [name, toValue(member, budget)]);
  return toCountedMap(members, budget);
}
