/** What every library of functions in this folder is: a step that adds to an environment. The list of them is in `environment.ts`. */
import type { Environment, RegisteredFunctionHandler } from '@marcbachmann/cel-js';

export type Library = (environment: Environment) => Environment;

type Handlers = Readonly<Record<string, RegisteredFunctionHandler>>;

/** Takes functions by their signatures, such as `string.charAt(int): string`. */
export function withFunctions(environment: Environment, handlers: Handlers): Environment {
  // Without the note the library expects a promise of everything.
  for (const [signature, handler] of Object.entries(handlers)) environment.registerFunction(signature, handler, { async: false });
  return environment;
}

/** A name with functions behind it, such as `sets` of `sets.contains(…)`: the library has values with types only. */
export function withNamespace(environment: Environment, name: string, type: string): Environment {
  class Namespace {}
  return environment.registerType(type, Namespace).registerConstant(name, type, new Namespace());
}
