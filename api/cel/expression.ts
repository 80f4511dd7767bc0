/**
 * Expressions: compiled once, evaluated often. They are checked against declared types, so that a misspelt field is found when the expression is written,
 * and evaluated on values of any type. Called for rules of custom resources (`structural-schema/validate-rules.ts`) and for admission policies. Source:
 * https://kubernetes.io/docs/reference/using-api/cel/.
 */
import { type Environment, Optional } from '@marcbachmann/cel-js';
import { compilationProblem } from './compilation-problem.ts';
import { createEnvironment, type TypeDeclarations } from './environment.ts';
import { type RewrittenSource, rewriteSource } from './rewrite-source.ts';

export interface Expression {
  /** What it gives: `bool`, `string`, `list<int>`, …; `dyn` when only its evaluation tells. */
  readonly type: string;
  /** Whether it mentions the variable. */
  uses(variable: string): boolean;
  /** Throws when the evaluation fails: a member that is not there, a division by zero, the budget spent. */
  evaluate(variables: Readonly<Record<string, unknown>>): unknown;
}

export interface Compiler {
  /** An expression, or why it is none, as upstream says it behind `compilation failed: `. */
  compile(source: string): Expression | string;
}

/** `declared` are the types that are checked, `parent` has types that several compilers share; at evaluation every variable may be anything. */
export function createCompiler(declared: Readonly<Record<string, string>>, types: TypeDeclarations = {}, parent?: Environment): Compiler {
  const checking = createEnvironment(declared, types, parent);
  const running = environmentOf(Object.keys(declared));
  return {
    compile: (source) => {
      const sourceToCheck = rewriteSource(source, 'checking');
      const checked = checking.check(sourceToCheck.text);
      if (!checked.valid) return compilationProblem(checked.error, source, sourceToCheck);
      const sourceToRun = rewriteSource(source, 'running');
      const possible = running.check(sourceToRun.text);
      if (!possible.valid) return compilationProblem(possible.error, source, sourceToRun);
      return expressionOf(sourceToRun, checked.type ?? 'dyn', running);
    },
  };
}

const RUNNING_REMEMBERED_MAX = 64;
const runningEnvironments = new Map<string, Environment>();

/** Environments are dear, and there are few sets of variables. */
function environmentOf(variables: readonly string[]): Environment {
  const key = variables.join(' ');
  const known = runningEnvironments.get(key);
  if (known !== undefined) return known;
  const made = createEnvironment(Object.fromEntries(variables.map((name) => [name, 'dyn'])));
  if (runningEnvironments.size >= RUNNING_REMEMBERED_MAX) runningEnvironments.clear();
  runningEnvironments.set(key, made);
  return made;
}

function expressionOf({ text, code }: RewrittenSource, type: string, environment: Environment): Expression {
  const run = environment.parse(text);
  const words = new Set(code.match(/[A-Za-z_]\w*/g) ?? []);
  return {
    type,
    uses: (variable) => words.has(variable),
    evaluate: (variables) => {
      const result: unknown = run({ ...variables });
      return result;
    },
  };
}

/** As expressions see what may be there or not. */
export function toOptional(value: unknown): unknown {
  return value === undefined ? Optional.none() : Optional.of(value);
}

/** What went wrong in an evaluation, without the picture of where. */
export function evaluationProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [first = ''] = message.split('\n', 1);
  return first.replace(/^No such key: /, 'no such key: ');
}
