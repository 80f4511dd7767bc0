/**
 * Admission policies ready to be evaluated: expressions compiled, rules and selectors too. Made once per object from the watch cache, when the first write
 * asks for it. A policy that was accepted and does not compile (it was stored by another version) fails whenever it is evaluated, as `failurePolicy` says.
 */
import { compileVariables, createPolicyCompiler, type Purpose } from '#api/admissionregistration/v1/policy-expressions.ts';
import type { Expression } from '#api/cel/expression.ts';
import type {
  AuditAnnotation,
  MatchCondition,
  MatchResources,
  MutatingAdmissionPolicy,
  Mutation,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  Validation,
  Variable,
} from '#api/generated/types.ts';
import { type CompiledMatch, compileMatch } from '../match-resources.ts';

/** An expression as it was written, and compiled or why it is none. */
export interface PolicyExpression {
  readonly text: string;
  readonly compiled: Expression | string;
}

export interface CompiledPolicy {
  readonly name: string;
  readonly failurePolicy: string;
  readonly paramKind: ParamKind | undefined;
  readonly match: CompiledMatch;
  readonly conditions: readonly PolicyExpression[];
  readonly variables: ReadonlyMap<string, PolicyExpression>;
}

export interface CompiledValidation extends Validation {
  readonly rule: PolicyExpression;
  readonly told: PolicyExpression | undefined;
}

export interface ValidatingPolicy extends CompiledPolicy {
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly (AuditAnnotation & { readonly value: PolicyExpression })[];
}

export interface MutatingPolicy extends CompiledPolicy {
  readonly isReinvocable: boolean;
  readonly mutations: readonly { readonly patchType: string; readonly patch: PolicyExpression }[];
}

/** What binds a policy. */
export interface CompiledBinding {
  readonly name: string;
  readonly policyName: string;
  readonly paramRef: ParamRef | undefined;
  /** Undefined: all that the policy is about. */
  readonly match: CompiledMatch | undefined;
  readonly actions: readonly string[];
}

interface PolicySpec {
  readonly failurePolicy?: string;
  readonly paramKind?: ParamKind;
  readonly matchConstraints?: MatchResources;
  readonly matchConditions?: readonly MatchCondition[];
  readonly variables?: readonly Variable[];
}

type Compile = (text: string, purpose: Purpose) => PolicyExpression;

export function compileValidatingPolicy({ metadata, spec }: ValidatingAdmissionPolicy): ValidatingPolicy {
  const { policy, compile } = compilePolicy(metadata.name, spec);
  return {
    ...policy,
    validations: (spec.validations ?? []).map((validation) => ({
      ...validation,
      rule: compile(validation.expression, 'condition'),
      told: validation.messageExpression === undefined ? undefined : compile(validation.messageExpression, 'message'),
    })),
    annotations: (spec.auditAnnotations ?? []).map((annotation) => ({
      ...annotation,
      value: compile(annotation.valueExpression, 'annotation'),
    })),
  };
}

export function compileMutatingPolicy({ metadata, spec }: MutatingAdmissionPolicy): MutatingPolicy {
  const { policy, compile } = compilePolicy(metadata.name, spec);
  return {
    ...policy,
    isReinvocable: spec.reinvocationPolicy === 'IfNeeded',
    mutations: (spec.mutations ?? []).map((mutation) => ({ patchType: mutation.patchType, patch: compilePatch(mutation, compile) })),
  };
}

function compilePatch({ patchType, jsonPatch, applyConfiguration }: Mutation, compile: Compile): PolicyExpression {
  if (patchType === 'JSONPatch') return compile(jsonPatch?.expression ?? '', 'jsonPatch');
  return compile(applyConfiguration?.expression ?? '', 'applyConfiguration');
}

/** Conditions of a policy, or, without parameters, of a webhook. */
export function compileConditions(conditions: readonly MatchCondition[], paramKind: ParamKind | undefined): readonly PolicyExpression[] {
  const compiler = createPolicyCompiler(paramKind, undefined);
  return conditions.map(({ expression }) => ({ text: expression, compiled: compiler.compile(expression.trim(), 'condition') }));
}

function compilePolicy(name: string, spec: PolicySpec): { readonly policy: CompiledPolicy; readonly compile: Compile } {
  const { failurePolicy = 'Fail', paramKind, matchConstraints = {}, matchConditions = [], variables = [] } = spec;
  const compiled = compileVariables(paramKind, variables);
  const policy = {
    name,
    failurePolicy,
    paramKind,
    match: compileMatch(matchConstraints),
    conditions: compileConditions(matchConditions, paramKind),
    variables: new Map(
      compiled.variables.map(({ name: variable, expression }, index) => [
        variable,
        { text: variables[index]?.expression ?? '', compiled: expression },
      ]),
    ),
  };
  return { policy, compile: (text, purpose) => ({ text, compiled: compiled.compiler.compile(text, purpose) }) };
}

export function compileBinding({
  metadata,
  spec,
}: {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly policyName?: string;
    readonly paramRef?: ParamRef;
    readonly matchResources?: MatchResources;
    readonly validationActions?: readonly string[];
  };
}): CompiledBinding {
  const { policyName = '', paramRef, matchResources, validationActions: actions = [] } = spec;
  return {
    name: metadata.name,
    policyName,
    paramRef,
    match: matchResources === undefined ? undefined : compileMatch(matchResources),
    actions,
  };
}
