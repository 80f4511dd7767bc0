/**
 * What is wrong with a policy's expressions for the kinds that it is about: fields that these kinds do not have, comparisons that make no sense. It is told
 * in the policy's status and changes nothing else. Called by the controller manager. Source: k8s.io/apiserver,
 * pkg/admission/plugin/policy/validating/typechecking.go.
 */
import type { TypeDeclarations } from '../../cel/environment.ts';
import type { ExpressionWarning, NamedRuleWithOperations, ParamKind, ValidatingAdmissionPolicy } from '../../generated/types.ts';
import { type CompiledVariables, compileVariables } from './policy-expressions.ts';

/** A kind, and what its objects look like. */
export interface KnownKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly type: string;
  readonly types: TypeDeclarations;
}

export interface KnownKinds {
  findByResource(group: string, version: string, plural: string): KnownKind | undefined;
  findByKind(group: string, version: string, kind: string): KnownKind | undefined;
}

/** Each kind is checked against on its own. */
const KINDS_MAX = 10;

/** Pure. Kinds that a rule names by a wildcard, and kinds that nobody knows, are passed over. */
export function typeWarnings({ spec }: ValidatingAdmissionPolicy, known: KnownKinds): readonly ExpressionWarning[] {
  const { validations = [], variables = [], paramKind, matchConstraints } = spec;
  const params = paramKind === undefined ? undefined : findParams(paramKind, known);
  const checks = kindsOf(matchConstraints?.resourceRules ?? [], known).map((kind) => ({
    kind,
    // Types of the object and of the parameters may share names; those of the same name say the same.
    compiled: compileVariables(paramKind, variables, {
      object: kind.type,
      params: params?.type ?? 'dyn',
      types: { ...params?.types, ...kind.types },
    }),
  }));
  const warningsAt = (fieldRef: string, text: string | undefined): readonly ExpressionWarning[] => {
    const warning =
      text === undefined || text === '' ? '' : checks.flatMap(({ kind, compiled }) => warningFor(kind, compiled, text)).join('\n');
    return warning === '' ? [] : [{ fieldRef, warning }];
  };
  return validations.flatMap(({ expression, messageExpression }, index) => [
    ...warningsAt(`spec.validations[${index}].expression`, expression),
    ...warningsAt(`spec.validations[${index}].messageExpression`, messageExpression),
  ]);
}

function warningFor({ group, version, kind }: KnownKind, { compiler }: CompiledVariables, text: string): readonly string[] {
  const compiled = compiler.compile(text, 'variable');
  if (typeof compiled !== 'string') return [];
  const apiVersion = group === '' ? `/${version}` : `${group}/${version}`;
  return [`${apiVersion}, Kind=${kind}: ${compiled.replace(/^compilation failed: /, '')}\n`];
}

function findParams({ apiVersion = '', kind = '' }: ParamKind, known: KnownKinds): KnownKind | undefined {
  const slash = apiVersion.indexOf('/');
  return known.findByKind(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind);
}

function kindsOf(rules: readonly NamedRuleWithOperations[], known: KnownKinds): readonly KnownKind[] {
  const found = new Map<string, KnownKind>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if (apiGroups.includes('*') || apiVersions.includes('*')) continue;
    const plain = resources.filter((resource) => !/[*/]/.test(resource)).toSorted();
    for (const group of apiGroups.toSorted()) {
      for (const version of apiVersions.toSorted()) {
        for (const resource of plain) {
          const kind = known.findByResource(group, version, resource);
          if (kind !== undefined && found.size < KINDS_MAX) found.set(`${group}/${version}/${kind.kind}`, kind);
        }
      }
    }
  }
  return [...found].toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([, kind]) => kind);
}
