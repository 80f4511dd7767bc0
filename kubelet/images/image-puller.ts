/**
 * Brings an image onto the engine as a pod may have it: with the pod's pull secrets and the engine's own credentials, each that fits until one is let in, in turn with other
 * pulls. One per kubelet. What went wrong is the registry's own words.
 */
import { secrets } from '#api/generated/resources.ts';
import type { Pod } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import { type ContainerRuntime, type ImageInfo, RuntimeError } from '../runtime/container-runtime.ts';
import type { Turns } from '../turns.ts';
import type { ImageLedger } from './image-ledger.ts';
import { type Credential, findCredentials, hashOf, type Keyring, keyringOf } from './registry-credentials.ts';

export interface Pulled {
  readonly image: ImageInfo;
  readonly tookMs: number;
  /** Of all of it, waiting for other pulls included. */
  readonly wholeMs: number;
}

export interface PodKeyring {
  readonly keyring: Keyring;
  /** Names of pull secrets that cannot be had. */
  readonly missing: readonly string[];
}

export interface ImagePuller {
  keyringFor(pod: Pod): Promise<PodKeyring>;
  /** Whether every pod may use an image that is there: nobody needed credentials for it, or the user put it there. */
  isForAll(image: ImageInfo, name: string): boolean;
  /** Whether a pod with these credentials may use an image that is there. */
  isFor(image: ImageInfo, name: string, keyring: Keyring): boolean;
  /** Throws with what the registry said. */
  pull(name: string, keyring: Keyring, signal: AbortSignal): Promise<Pulled>;
}

export interface ImagePullerDeps {
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly ledger: ImageLedger;
  readonly queue: Turns;
  readonly clock: Clock;
  /** Of the engine's user, as they are now. */
  readonly hostKeyring: () => Keyring;
}

export function createImagePuller(deps: ImagePullerDeps): ImagePuller {
  const { client, runtime, ledger, clock } = deps;

  async function readSecret(namespace: string, name: string): Promise<Keyring | undefined> {
    try {
      return keyringOf(await client.resource(secrets).get({ namespace, name }));
    } catch (error) {
      if (isReason(error, 'NotFound', 'Forbidden')) return undefined;
      throw error;
    }
  }

  /** As one of them, else as nobody. */
  async function pullAs(name: string, credentials: readonly Credential[], signal: AbortSignal): Promise<Credential | undefined> {
    if (credentials.length === 0) {
      await runtime.pullImage(name, undefined, signal);
      return undefined;
    }
    const failures: string[] = [];
    for (const credential of credentials) {
      try {
        await runtime.pullImage(name, credential, signal);
        return credential;
      } catch (error) {
        if (signal.aborted || !(error instanceof RuntimeError) || error.reason === 'Unavailable') throw error;
        failures.push(error.message);
      }
    }
    const different = [...new Set(failures)];
    throw new RuntimeError('Refused', different.length === 1 ? (different[0] ?? '') : `[${different.join(', ')}]`);
  }

  function isForAll({ id }: ImageInfo, name: string): boolean {
    return (ledger.find(id, name)?.credentialHashes ?? []).length === 0;
  }

  return {
    keyringFor: async ({ metadata, spec }) => {
      const names = (spec.imagePullSecrets ?? []).flatMap(({ name }) => (name === undefined || name === '' ? [] : [name]));
      const found = await Promise.all(names.map((name) => readSecret(metadata.namespace ?? '', name)));
      const missing = names.filter((_, index) => found[index] === undefined);
      return { keyring: [...found.flatMap((keyring) => keyring ?? []), ...deps.hostKeyring()], missing };
    },

    isForAll,

    isFor: (image, name, keyring) => {
      const hashes = ledger.find(image.id, name)?.credentialHashes ?? [];
      return isForAll(image, name) || findCredentials(name, keyring).some((credential) => hashes.includes(hashOf(credential)));
    },

    pull: (name, keyring, signal) =>
      deps.queue.run(async (waitedMs) => {
        const startedMs = clock.monotonic();
        const credential = await pullAs(name, findCredentials(name, keyring), signal);
        const image = await runtime.findImage(name);
        if (image === undefined) throw new Error(`the engine pulled ${name} and does not have it`);
        ledger.notePull(image.id, name, credential === undefined ? undefined : hashOf(credential), clock.now());
        const tookMs = clock.monotonic() - startedMs;
        return { image, tookMs, wholeMs: tookMs + waitedMs };
      }),
  };
}
