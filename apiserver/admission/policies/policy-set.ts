/**
 * The admission policies of this moment, each with its bindings. Follows them through one watch of the watch cache, like `authorization/rbac-authorizer.ts`;
 * what is evaluated is compiled when it is first asked for and kept until the object changes. Policies without a binding do nothing and are not here, so
 * that a cluster without policies pays nothing.
 */
import { decodeObject } from '#api/decode.ts';
import {
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings,
  validatingadmissionpolicies,
  validatingadmissionpolicybindings,
} from '#api/generated/resources.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Logger } from '#component/logger.ts';
import type { CachedObject, WatchCache } from '../../storage/watch-cache.ts';
import {
  type CompiledBinding,
  compileBinding,
  compileMutatingPolicy,
  compileValidatingPolicy,
  type MutatingPolicy,
  type ValidatingPolicy,
} from './compiled-policy.ts';

const PREFIX = '/registry/admissionregistration.k8s.io/';

/** A policy and what binds it, at least one; in the order of their names. */
export interface Hook<P> {
  readonly policy: P;
  readonly bindings: readonly CompiledBinding[];
}

export interface PolicySet {
  /** Follows the watch cache, which must be ready, until aborted. */
  run(signal: AbortSignal): Promise<void>;
  isReady(): boolean;
  validating(): readonly Hook<ValidatingPolicy>[];
  mutating(): readonly Hook<MutatingPolicy>[];
}

/** The objects of one kind by key, each compiled when it is asked for. */
interface Kind<C> {
  put(object: CachedObject): void;
  delete(key: string): void;
  clear(): void;
  all(): readonly C[];
}

export function createPolicySet({ cache, log }: { readonly cache: WatchCache; readonly log: Logger }): PolicySet {
  const policies = {
    validating: kindOf(validatingadmissionpolicies, compileValidatingPolicy, log),
    mutating: kindOf(mutatingadmissionpolicies, compileMutatingPolicy, log),
  };
  const bindings = {
    validating: kindOf(validatingadmissionpolicybindings, compileBinding, log),
    mutating: kindOf(mutatingadmissionpolicybindings, compileBinding, log),
  };
  const kinds = [policies.validating, policies.mutating, bindings.validating, bindings.mutating];
  let isReady = false;
  let validating: readonly Hook<ValidatingPolicy>[] | undefined;
  let mutating: readonly Hook<MutatingPolicy>[] | undefined;

  function forget(): void {
    validating = undefined;
    mutating = undefined;
  }

  function fill(): void {
    for (const kind of kinds) kind.clear();
    for (const object of cache.list(PREFIX)) for (const kind of kinds) kind.put(object);
    forget();
    isReady = true;
  }

  async function follow(signal: AbortSignal): Promise<never> {
    const watch = cache.watch(PREFIX, cache.revision());
    try {
      fill();
      for (;;) {
        const { events } = await watch.next(signal);
        for (const { type, object } of events) for (const kind of kinds) type === 'DELETED' ? kind.delete(object.key) : kind.put(object);
        if (events.length > 0) forget();
      }
    } finally {
      watch.close();
    }
  }

  return {
    run: async (signal) => {
      while (!signal.aborted) {
        await follow(signal).catch((error: unknown) => {
          if (!signal.aborted && !isReason(error, 'Expired')) throw error;
        });
      }
    },
    isReady: () => isReady,
    validating: () => (validating ??= hooksOf(policies.validating, bindings.validating)),
    mutating: () => (mutating ??= hooksOf(policies.mutating, bindings.mutating)),
  };
}

function hooksOf<P extends { readonly name: string }>(policies: Kind<P>, bindings: Kind<CompiledBinding>): readonly Hook<P>[] {
  const bound = Map.groupBy(bindings.all(), ({ policyName }) => policyName);
  // Unbound policies are not even compiled.
  if (bound.size === 0) return [];
  return policies.all().flatMap((policy) => {
    const own = bound.get(policy.name);
    return own === undefined ? [] : [{ policy, bindings: own }];
  });
}

/** A damaged object is passed over: nobody could say what it forbids. */
function kindOf<T extends ApiObject, C>(type: ResourceType<T>, compile: (object: T) => C, log: Logger): Kind<C> {
  const prefix = `${PREFIX}${type.plural}/`;
  const objects = new Map<string, { readonly bytes: Buffer; compiled: C | undefined }>();
  const compiledOf = (key: string, entry: { readonly bytes: Buffer; compiled: C | undefined }): C[] => {
    try {
      entry.compiled ??= compile(decodeObject(type, JSON.parse(entry.bytes.toString())).object);
      return [entry.compiled];
    } catch (error) {
      log.error({ key, err: error }, 'a stored admission policy or binding cannot be read; it has no effect');
      return [];
    }
  };
  return {
    put: ({ key, bytes }) => {
      if (key.startsWith(prefix) && objects.get(key)?.bytes !== bytes) objects.set(key, { bytes, compiled: undefined });
    },
    delete: (key) => objects.delete(key),
    clear: () => objects.clear(),
    all: () => [...objects].toSorted(([left], [right]) => (left < right ? -1 : 1)).flatMap(([key, entry]) => compiledOf(key, entry)),
  };
}
