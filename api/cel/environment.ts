/**
 * The language as Kubernetes has it: `@marcbachmann/cel-js` with the functions that Kubernetes adds, which are the other files of this folder.
 * `expression.ts` adds variables. Regular expressions cannot run for ever, and what is too large to be written by people is not read. Source:
 * k8s.io/apiserver, pkg/cel/environment/base.go.
 */
import { Environment } from '@marcbachmann/cel-js';
import { addresses } from './addresses.ts';
import { authorization } from './authorizer.ts';
import { formats } from './formats.ts';
import type { Library } from './library.ts';
import { lists } from './lists.ts';
import { objects } from './objects.ts';
import { quantities, versions } from './quantities.ts';
import { texts } from './texts.ts';
import { twoVariables } from './two-variables.ts';
import { urls } from './urls.ts';

/** Far above what rules written by people need. */
const NODES_MAX = 5_000;
const DEPTH_MAX = 100;

const libraries: readonly Library[] = [texts, lists, twoVariables, urls, addresses, quantities, versions, formats, authorization, objects];

const base = libraries.reduce(
  (environment, library) => library(environment),
  new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: NODES_MAX, maxDepth: DEPTH_MAX },
  }),
);

/** The fields of an object by their types, each by its name; `dyn` where nothing is known. */
export type TypeDeclarations = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Takes variables by their types, besides those of `parent`. Types among them that the language does not have are `types`, which are good for checking only;
 * their names are words and dots.
 */
export function createEnvironment(
  variables: Readonly<Record<string, string>>,
  types: TypeDeclarations = {},
  parent: Environment = base,
): Environment {
  const environment = parent.clone();
  for (const [name, fields] of Object.entries(types)) {
    // What equality gives does not matter here; that there is one does.
    environment
      .registerType(name, { ctor: class {}, fields })
      .registerOperator(`${name} == ${name}`, () => true)
      .registerOperator(`${name} == null`, () => false);
  }
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  return environment;
}
