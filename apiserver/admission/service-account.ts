/**
 * Every pod runs as a service account: its own or its namespace's `default`, which must exist. Unless pod or account refuse it, each container gets a token, the cluster's
 * authority and its namespace as files, where every Kubernetes client looks for them. Source: upstream's plugin/pkg/admission/serviceaccount/admission.go.
 */
import { pods, serviceaccounts } from '#api/generated/resources.ts';
import type { Container, Pod, PodSpec, ServiceAccount, Volume, VolumeMount } from '#api/generated/types.ts';
import { forbidden } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import { type Random, randomSuffix } from '#component/random.ts';
import { isOfType } from '../encoding/json-value.ts';
import type { LiveObjects } from '../service-accounts/live-objects.ts';
import { type AdmissionPlugin, type AdmissionRequest, isMainResource } from './admission.ts';
import { findUnreferenced } from './mountable-secrets.ts';

export interface ServiceAccountAdmissionDeps {
  readonly objects: LiveObjects;
  readonly clock: Clock;
  readonly random: Random;
}

const DEFAULT_ACCOUNT = 'default';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** Marks what a kubelet runs on its own account and only shows to the API. */
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

const ENFORCE_ANNOTATION = 'kubernetes.io/enforce-mountable-secrets';

/** An hour, and a few seconds by which it can be told from a token that somebody asked for. */
const TOKEN_SECONDS = 3_607;
const FILE_MODE = 0o644;

/** A new namespace's default account is made by a controller, a moment after the namespace: pods that come in between wait. */
const DEFAULT_ACCOUNT_LOOK_MS = 50;
const DEFAULT_ACCOUNT_LOOKS_MAX = 20;

export function serviceAccount(deps: ServiceAccountAdmissionDeps): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    mutate: (request) => {
      const { object, operation } = request;
      if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(pods, object)) return object;
      return object.metadata.annotations?.[MIRROR_ANNOTATION] === undefined ? withAccount(object, request, deps) : object;
    },
  };
}

async function withAccount(pod: Pod, request: AdmissionRequest, deps: ServiceAccountAdmissionDeps): Promise<Pod> {
  const name = pod.spec.serviceAccountName || DEFAULT_ACCOUNT;
  const { namespace } = request.info;
  const account = await findAccount(namespace, name, deps, request.signal);
  if (account === undefined) {
    const why = `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`;
    throw forbidden(pods, pod.metadata.name ?? '', why);
  }
  throwIfNotReferenced(pod, account);
  const named: PodSpec = { ...pod.spec, serviceAccountName: name };
  const mounted = wantsToken(pod, account) ? withTokenMounts(named, deps.random) : named;
  return { ...pod, spec: withPullSecrets(mounted, account) };
}

/** Of an account that says so, a pod may use only what it names. */
function throwIfNotReferenced(pod: Pod, account: ServiceAccount): void {
  if (account.metadata.annotations?.[ENFORCE_ANNOTATION] !== 'true') return;
  const problem = findUnreferenced(pod.spec, account);
  if (problem !== undefined) throw forbidden(pods, pod.metadata.name ?? '', problem);
}

async function findAccount(
  namespace: string,
  name: string,
  { objects, clock }: ServiceAccountAdmissionDeps,
  signal: AbortSignal,
): Promise<ServiceAccount | undefined> {
  for (let look = 1; ; look++) {
    const found = await objects.read(serviceaccounts, namespace, name);
    if (found !== undefined || name !== DEFAULT_ACCOUNT || look === DEFAULT_ACCOUNT_LOOKS_MAX) return found;
    await clock.sleep(DEFAULT_ACCOUNT_LOOK_MS, signal);
  }
}

function wantsToken({ spec }: Pod, account: ServiceAccount): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
}

/** A container that mounts something there itself keeps that. */
function withTokenMounts(spec: PodSpec, random: Random): PodSpec {
  const volumes = spec.volumes ?? [];
  const present = volumes.find((volume) => volume.name.startsWith(VOLUME_PREFIX));
  const name = present?.name ?? `${VOLUME_PREFIX}${randomSuffix(random)}`;
  const mount: VolumeMount = { name, readOnly: true, mountPath: MOUNT_PATH };
  const isMounted = (container: Container) => (container.volumeMounts ?? []).some(({ mountPath }) => mountPath === MOUNT_PATH);
  const withMount = (container: Container): Container =>
    isMounted(container) ? container : { ...container, volumeMounts: [...(container.volumeMounts ?? []), mount] };
  const isNeeded = [...(spec.initContainers ?? []), ...spec.containers].some((container) => !isMounted(container));
  return {
    ...spec,
    containers: spec.containers.map(withMount),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(withMount) }),
    ...(present === undefined && isNeeded ? { volumes: [...volumes, tokenVolume(name)] } : {}),
  };
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      defaultMode: FILE_MODE,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };
}

function withPullSecrets(spec: PodSpec, { imagePullSecrets = [] }: ServiceAccount): PodSpec {
  const isSaid = (spec.imagePullSecrets ?? []).length > 0;
  return isSaid || imagePullSecrets.length === 0 ? spec : { ...spec, imagePullSecrets };
}
