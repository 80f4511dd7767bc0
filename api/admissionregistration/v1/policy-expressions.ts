/**
 * Expressions of admission policies: which variables they have, of which types, and what they must give. Called when a policy is validated, with the types
 * of what it is about unknown, when it is compiled to be evaluated, and, with those types, when its status is worked out. Source: k8s.io/apiserver,
 * pkg/admission/plugin/cel/{compile,composition}.go.
 */
import { AUTHORIZER_TYPE } from '../../cel/authorizer.ts';
import { createEnvironment, type TypeDeclarations } from '../../cel/environment.ts';
import { type Compiler, createCompiler, type Expression } from '../../cel/expression.ts';
import type { MatchCondition, ParamKind, Variable } from '../../generated/types.ts';
import { duplicate, invalidValue, required, tooMany } from '../../meta/field-path.ts';
import { qualifiedNameProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';

/** What an expression is for: each has a type of its own. */
export type Purpose = 'condition' | 'variable' | 'message' | 'annotation' | 'applyConfiguration' | 'jsonPatch';

const CONDITIONS_MAX = 64;

/** Types of the result, and what upstream says when there is another. */
const RESULTS: Readonly<Record<Purpose, { readonly types: readonly string[]; readonly problem: string }>> = {
  condition: { types: ['bool'], problem: 'must evaluate to bool' },
  variable: { types: [], problem: '' },
  message: { types: ['string'], problem: 'must evaluate to string' },
  annotation: { types: ['string', 'null'], problem: 'must evaluate to one of [string null_type]' },
  applyConfiguration: { types: ['Object'], problem: 'must evaluate to Object' },
  jsonPatch: { types: ['list<JSONPatch>', 'list', 'list<T>'], problem: 'must evaluate to list(JSONPatch)' },
};

/** Members are words of the API, `dyn` where they are free. */
const REQUEST_TYPES: TypeDeclarations = {
  'kubernetes.GroupVersionKind': { group: 'string', version: 'string', kind: 'string' },
  'kubernetes.GroupVersionResource': { group: 'string', version: 'string', resource: 'string' },
  'kubernetes.UserInfo': { username: 'string', uid: 'string', groups: 'list<string>', extra: 'map<string, list<string>>' },
  'kubernetes.AdmissionRequest': {
    kind: 'kubernetes.GroupVersionKind',
    resource: 'kubernetes.GroupVersionResource',
    subResource: 'string',
    requestKind: 'kubernetes.GroupVersionKind',
    requestResource: 'kubernetes.GroupVersionResource',
    requestSubResource: 'string',
    name: 'string',
    namespace: 'string',
    operation: 'string',
    userInfo: 'kubernetes.UserInfo',
    dryRun: 'bool',
    options: 'dyn',
  },
  'kubernetes.NamespaceMetadata': {
    name: 'string',
    generateName: 'string',
    namespace: 'string',
    labels: 'map<string, string>',
    annotations: 'map<string, string>',
    UID: 'string',
    creationTimestamp: 'dyn',
    deletionGracePeriodSeconds: 'int',
    deletionTimestamp: 'dyn',
    generation: 'int',
    resourceVersion: 'string',
    finalizers: 'list<string>',
  },
  'kubernetes.NamespaceSpec': { finalizers: 'list<string>' },
  'kubernetes.NamespaceStatus': { phase: 'string' },
  'kubernetes.Namespace': {
    metadata: 'kubernetes.NamespaceMetadata',
    spec: 'kubernetes.NamespaceSpec',
    status: 'kubernetes.NamespaceStatus',
  },
};

/** Registering types is dear, and these are every policy's. */
const withRequestTypes = createEnvironment({}, REQUEST_TYPES);

/** Of what a policy is about, as far as they are known. */
export interface PolicyTypes {
  readonly object: string;
  readonly params: string;
  readonly types: TypeDeclarations;
}

const UNKNOWN: PolicyTypes = { object: 'dyn', params: 'dyn', types: {} };
const VARIABLES_TYPE = 'kubernetes.variables';

export interface PolicyCompiler {
  /** An expression, or what is wrong with it. */
  compile(text: string, purpose: Purpose): Expression | string;
}

/** `variables` are those before this expression, each with its type. */
export function createPolicyCompiler(
  paramKind: ParamKind | undefined,
  variables: readonly (readonly [name: string, type: string])[] | undefined,
  known: PolicyTypes = UNKNOWN,
): PolicyCompiler {
  const types: TypeDeclarations = {
    ...known.types,
    ...(variables === undefined ? {} : { [VARIABLES_TYPE]: Object.fromEntries(variables) }),
  };
  const declared = {
    object: known.object,
    oldObject: known.object,
    request: 'kubernetes.AdmissionRequest',
    namespaceObject: 'kubernetes.Namespace',
    ...(paramKind === undefined ? {} : { params: known.params }),
    ...(variables === undefined ? {} : { variables: VARIABLES_TYPE }),
  };
  const plain = once(() => createCompiler(declared, types, withRequestTypes));
  const authorized = once(() => createCompiler({ ...declared, authorizer: AUTHORIZER_TYPE }, types, withRequestTypes));
  return {
    // A message is worked out after everything else, and asks nobody anything.
    compile: (text, purpose) => ofType((purpose === 'message' ? plain() : authorized()).compile(text), purpose),
  };
}

function once(make: () => Compiler): () => Compiler {
  let made: Compiler | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function ofType(made: Expression | string, purpose: Purpose): Expression | string {
  if (typeof made === 'string') return `compilation failed: ${made}`;
  const { types, problem } = RESULTS[purpose];
  return types.length === 0 || made.type === 'dyn' || types.includes(made.type) ? made : problem;
}

export interface CompiledVariables {
  readonly compiler: PolicyCompiler;
  readonly variables: readonly { readonly name: string; readonly expression: Expression | string }[];
}

/** Each variable may use those before it. Gives the compiler for what may use all of them. */
export function compileVariables(
  paramKind: ParamKind | undefined,
  variables: readonly Variable[],
  known: PolicyTypes = UNKNOWN,
): CompiledVariables {
  const types: (readonly [string, string])[] = [];
  const compiled = variables.map(({ name, expression: text }) => {
    const expression = createPolicyCompiler(paramKind, types, known).compile(text, 'variable');
    if (isIdentifier(name)) types.push([name, typeof expression === 'string' ? 'dyn' : expression.type]);
    return { name, expression };
  });
  return { compiler: createPolicyCompiler(paramKind, variables.length === 0 ? undefined : types, known), variables: compiled };
}

export function validateVariables(variables: readonly Variable[], compiled: CompiledVariables, field: string): readonly FieldProblem[] {
  return variables.flatMap(({ name, expression = '' }, index) => {
    const path = `${field}[${index}]`;
    const result = compiled.variables[index]?.expression;
    return [
      ...((name ?? '').trim() === '' ? [required(`${path}.name`, 'name is not specified')] : []),
      ...((name ?? '').trim() !== '' && !isIdentifier(name)
        ? [invalidValue(`${path}.name`, name, 'name is not a valid CEL identifier')]
        : []),
      ...(expression.trim() === '' ? [required(`${path}.expression`, 'expression is not specified')] : []),
      ...(expression.trim() !== '' && typeof result === 'string' ? [invalidValue(`${path}.expression`, expression, result)] : []),
    ];
  });
}

const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);

function isIdentifier(name = ''): boolean {
  return /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) && !RESERVED.has(name);
}

export function validateMatchConditions(
  conditions: readonly MatchCondition[],
  paramKind: ParamKind | undefined,
  field: string,
): readonly FieldProblem[] {
  const compiler = createPolicyCompiler(paramKind, undefined);
  const names = conditions.map(({ name }) => name ?? '');
  return [
    ...(conditions.length > CONDITIONS_MAX ? [tooMany(field, conditions.length, CONDITIONS_MAX)] : []),
    ...conditions.flatMap(({ name = '', expression = '' }, index) => [
      ...expressionProblems(compiler, expression.trim(), 'condition', `${field}[${index}].expression`, ''),
      ...(name === '' ? [required(`${field}[${index}].name`)] : []),
      ...(name === '' ? [] : qualifiedNameProblems(name).map((problem) => invalidValue(`${field}[${index}].name`, name, problem))),
      ...(name !== '' && names.indexOf(name) < index ? [duplicate(`${field}[${index}].name`, name)] : []),
    ]),
  ];
}

/** What is wrong with an expression that must be there; `missing` is what is said when it is not. */
export function expressionProblems(
  compiler: PolicyCompiler,
  text: string,
  purpose: Purpose,
  field: string,
  missing = 'expression is not specified',
): readonly FieldProblem[] {
  if (text.trim() === '') return [required(field, missing)];
  const compiled = compiler.compile(text, purpose);
  return typeof compiled === 'string' ? [invalidValue(field, text, compiled)] : [];
}
