/**
 * `x-kubernetes-validations`: whether an object keeps the rules its schema states in CEL, on creation and, with the object as it was, on change. Also
 * whether the rules of a schema can be enforced at all: one that cannot is refused with the definition, never ignored.
 * Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema/cel/validation.go (KEP-2876).
 */
import { type Budget, BudgetError, createBudget, isOutOfBudget } from '../cel/budget.ts';
import { type Compiler, createCompiler, type Expression, evaluationProblem, toOptional } from '../cel/expression.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../meta/field-path.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonEquals, memberOf } from '../meta/json.ts';
import type { FieldProblem } from '../meta/status.ts';
import { declaredType } from './declared-types.ts';
import { toExpressionValue } from './expression-value.ts';
import { objectsAt, parseSchema, type Rule, type Schema, textAt } from './schema.ts';

const REASONS = ['FieldValueInvalid', 'FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate'];

/** Problems after which rules are not looked at, as they may rely on what is missing. */
const BLOCKING: ReadonlySet<FieldProblem['type']> = new Set([
  'FieldValueRequired',
  'FieldValueNotSupported',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

/** Takes a whole resource that `validateValue` has looked at, and what it found. */
export function validateRules(
  schema: Schema,
  resource: JsonObject,
  found: readonly FieldProblem[],
  previous?: JsonObject,
): readonly FieldProblem[] {
  if (!hasRules(schema)) return [];
  if (found.some(({ type }) => BLOCKING.has(type))) {
    const detail =
      'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
    return [invalidValue('<nil>', undefined, detail)];
  }
  const problems: FieldProblem[] = [];
  try {
    visit(schema, resource, { path: '', previous, isResource: true, budget: createBudget(), problems });
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    problems.push(forbiddenField('', error.message));
  }
  return problems;
}

const rulesWithin = new WeakMap<Schema, boolean>();

function hasRules(schema: Schema): boolean {
  const known = rulesWithin.get(schema);
  if (known !== undefined) return known;
  const additional = schema.additionalProperties;
  const inner = [...schema.properties.values(), ...(schema.items ? [schema.items] : [])];
  if (additional !== undefined && additional !== true) inner.push(additional);
  const has = schema.rules.length > 0 || inner.some(hasRules);
  rulesWithin.set(schema, has);
  return has;
}

interface Place {
  readonly path: string;
  readonly previous: Json | undefined;
  readonly isResource: boolean;
  readonly budget: Budget;
  readonly problems: FieldProblem[];
}

function visit(schema: Schema, value: Json, place: Place): void {
  if (value === null || !hasRules(schema)) return;
  if (schema.rules.length > 0) evaluateRules(schema, value, place);
  const { path, previous, budget, problems } = place;
  if (isJsonArray(value)) {
    const { items } = schema;
    for (const [index, item] of items === undefined ? [] : value.entries()) {
      if (items === undefined) break;
      const before = correlate(schema, item, previous);
      visit(items, item, { path: `${path}[${index}]`, previous: before, isResource: items.isEmbeddedResource, budget, problems });
    }
  } else if (isJsonObject(value)) {
    const additional = schema.additionalProperties === true ? undefined : schema.additionalProperties;
    for (const [name, member] of Object.entries(value)) {
      const inner = schema.properties.get(name) ?? additional;
      if (inner === undefined) continue;
      const before = isJsonObject(previous) ? memberOf(previous, name) : undefined;
      const innerPath = path === '' ? name : `${path}.${name}`;
      visit(inner, member, { path: innerPath, previous: before, isResource: inner.isEmbeddedResource, budget, problems });
    }
  }
}

function correlate({ listType, listMapKeys }: Schema, item: Json, previous: Json | undefined): Json | undefined {
  if (listType !== 'map' || !isJsonArray(previous) || !isJsonObject(item)) return undefined;
  const isSame = (other: Json) => isJsonObject(other) && listMapKeys.every((key) => jsonEquals(memberOf(other, key), memberOf(item, key)));
  return previous.find(isSame);
}

function evaluateRules(schema: Schema, value: Json, place: Place): void {
  const { previous, budget, isResource } = place;
  const isUnchanged = previous !== undefined && jsonEquals(value, previous);
  const self = toExpressionValue(schema, value, budget, isResource);
  for (const rule of schema.rules) {
    const expression = compiled(rule.rule, 'bool');
    if (typeof expression === 'string') continue;
    // What was wrong before and has not changed is let be; a rule about changes has nothing to say without one.
    if (!expression.uses('oldSelf') && isUnchanged) continue;
    if (expression.uses('oldSelf') && previous === undefined && !rule.optionalOldSelf) continue;
    const before = previous === undefined ? undefined : toExpressionValue(schema, previous, budget, isResource);
    const oldSelf = rule.optionalOldSelf ? toOptional(before) : before;
    const problem = evaluateRule(rule, expression, { self, oldSelf }, schema, place);
    if (problem !== undefined) place.problems.push(problem);
  }
}

type Variables = Readonly<Record<'self' | 'oldSelf', unknown>>;

function evaluateRule(rule: Rule, expression: Expression, variables: Variables, schema: Schema, { path }: Place): FieldProblem | undefined {
  try {
    if (expression.evaluate(variables) === true) return undefined;
  } catch (error) {
    if (isOutOfBudget(error)) throw new BudgetError(evaluationProblem(error));
    return invalidValue(
      path === '' ? '<nil>' : path,
      typeNameOf(schema),
      `${evaluationProblem(error)} evaluating rule: ${rule.message || rule.rule}`,
    );
  }
  const message = messageOf(rule, variables);
  const field = `${path}${pathSuffix(rule.fieldPath, path)}` || '<nil>';
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbiddenField(field, message);
    case 'FieldValueRequired':
      return required(field, message);
    case 'FieldValueDuplicate':
      return duplicate(field, typeNameOf(schema));
    default:
      return invalidValue(field, typeNameOf(schema), message);
  }
}

function typeNameOf({ type, isIntOrString }: Schema): string {
  return isIntOrString ? 'int-or-string' : type;
}

/** The expression's message if it gives one, else the text, else the rule itself. */
function messageOf(rule: Rule, variables: Variables): string {
  const written = rule.message.trim() || `failed rule: ${rule.rule.trim()}`;
  if (rule.messageExpression === '') return written;
  const expression = compiled(rule.messageExpression, 'string');
  if (typeof expression === 'string') return written;
  try {
    const message = expression.evaluate(variables);
    return typeof message === 'string' && message.trim() !== '' && !message.includes('\n') ? message.trim() : written;
  } catch (error) {
    if (isOutOfBudget(error)) throw new BudgetError(evaluationProblem(error));
    return written;
  }
}

/** `.a['b']` behind the path. */
function pathSuffix(fieldPath: string, path: string): string {
  const text = fieldPath.replace(/\['([^']*)'\]/g, '.$1');
  return path === '' ? text.replace(/^\./, '') : text;
}

const COMPILED_REMEMBERED_MAX = 2_048;
const compiledExpressions = new Map<string, Expression | string>();
const untyped = createCompiler({ self: 'dyn', oldSelf: 'dyn' });

/** Checked without the schema; that was done when the definition was written. */
function compiled(text: string, type: ResultType): Expression | string {
  const key = `${type} ${text}`;
  const known = compiledExpressions.get(key);
  if (known !== undefined) return known;
  const made = ofType(untyped.compile(text), type);
  if (compiledExpressions.size >= COMPILED_REMEMBERED_MAX) compiledExpressions.clear();
  compiledExpressions.set(key, made);
  return made;
}

type ResultType = 'bool' | 'string';

function ofType(made: Expression | string, type: ResultType): Expression | string {
  if (typeof made === 'string') return `compilation failed: ${made}`;
  return made.type === type || made.type === 'dyn' ? made : `must evaluate to a ${type}`;
}

/** Whether the rules of one place in a schema can be enforced. `uncorrelatable` is the list within which nothing is known from before, if any. */
export function ruleProblems(
  node: JsonObject,
  path: string,
  uncorrelatable: string | undefined,
  isResource = false,
): readonly FieldProblem[] {
  const rules = objectsAt(node, 'x-kubernetes-validations');
  if (rules.length === 0) return [];
  const compile = typedCompiler(node, isResource);
  return rules.flatMap((rule, index) => {
    const rulePath = `${path}.x-kubernetes-validations[${index}]`;
    return [...expressionProblems(rule, rulePath, uncorrelatable, compile), ...tellingProblems(rule, rulePath, compile)];
  });
}

type TypedCompiler = (rule: JsonObject, text: string, type: ResultType) => Expression | string;

function typedCompiler(node: JsonObject, isResource: boolean): TypedCompiler {
  const schema = parseSchema(node);
  const { type: self, types } = declaredType(schema, isResource || schema.isEmbeddedResource);
  // Each is dear to make, and most places need one of them.
  const compilers = new Map<string, Compiler>();
  const compilerFor = (oldSelf: string) => compilers.getOrInsertComputed(oldSelf, () => createCompiler({ self, oldSelf }, types));
  return (rule, text, type) => {
    const plain = compiled(text, type);
    if (typeof plain === 'string') return plain;
    const oldSelf = memberOf(rule, 'optionalOldSelf') === true ? `optional<${self}>` : self;
    return ofType(compilerFor(oldSelf).compile(text), type);
  };
}

function expressionProblems(
  rule: JsonObject,
  path: string,
  uncorrelatable: string | undefined,
  compile: TypedCompiler,
): readonly FieldProblem[] {
  const text = textAt(rule, 'rule');
  if (text.trim() === '') return [required(`${path}.rule`, 'rule is not specified')];
  const expression = compile(rule, text, 'bool');
  if (typeof expression === 'string') return [invalidValue(`${path}.rule`, text, expression)];
  if (!expression.uses('oldSelf') || uncorrelatable === undefined) return [];
  return [
    invalidValue(`${path}.rule`, text, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`),
  ];
}

function tellingProblems(rule: JsonObject, path: string, compile: TypedCompiler): readonly FieldProblem[] {
  const message = memberOf(rule, 'message');
  const messageExpression = textAt(rule, 'messageExpression');
  const reason = textAt(rule, 'reason');
  const fieldPath = textAt(rule, 'fieldPath');
  const problems: FieldProblem[] = [];
  if (typeof message === 'string' && message !== '') {
    if (message.trim() === '') problems.push(invalidValue(`${path}.message`, message, 'message must be non-empty if specified'));
    else if (message.trim().includes('\n')) problems.push(invalidValue(`${path}.message`, message, 'message must not contain line breaks'));
  } else if (textAt(rule, 'rule').trim().includes('\n') && messageExpression === '') {
    problems.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  }
  const expression = messageExpression === '' ? undefined : compile(rule, messageExpression, 'string');
  if (typeof expression === 'string') {
    problems.push(invalidValue(`${path}.messageExpression`, messageExpression, `messageExpression ${expression}`));
  }
  if (reason !== '' && !REASONS.includes(reason)) problems.push(notSupported(`${path}.reason`, reason, REASONS));
  if (fieldPath !== '' && !/^(\.[^.[\]']+|\['[^']+'\])+$/.test(fieldPath)) {
    problems.push(invalidValue(`${path}.fieldPath`, fieldPath, 'fieldPath must be a valid path'));
  }
  return problems;
}
