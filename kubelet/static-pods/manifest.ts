/**
 * Static pods: what a file on the node asks for, and the mirror pod that shows it to the API. Pure. A static pod is told from others by its annotations; its uid is
 * made of its file, so that another text is another pod. Source: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ and upstream's
 * pkg/kubelet/config/common.go and pkg/kubelet/pod/mirror_client.go.
 */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { applyPodDefaults, validatePod, validatePodCreate } from '#api/core/v1/pod.ts';
import { decodeObject } from '#api/decode.ts';
import { pods } from '#api/generated/resources.ts';
import type { Node, Pod } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';

const SOURCE_ANNOTATION = 'kubernetes.io/config.source';
const HASH_ANNOTATION = 'kubernetes.io/config.hash';
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

export interface Manifest {
  /** As the folder names it. */
  readonly file: string;
  readonly text: string;
}

/** Throws with everything that is wrong with it. */
export function readStaticPod({ file, text }: Manifest, nodeName: string): Pod {
  const { object, unknownFields } = decodeObject(pods, parse(text));
  if (unknownFields.length > 0) throw new Error(unknownFields.join(', '));
  const uid = createHash('md5').update(`${nodeName}\n${file}\n${text}`).digest('hex');
  const pod = applyPodDefaults({
    ...object,
    metadata: {
      ...object.metadata,
      name: `${object.metadata.name}-${nodeName.toLowerCase()}`,
      namespace: object.metadata.namespace || 'default',
      uid,
      resourceVersion: '0',
      annotations: { ...object.metadata.annotations, [SOURCE_ANNOTATION]: 'file', [HASH_ANNOTATION]: uid },
    },
    spec: { ...object.spec, nodeName, tolerations: [...(object.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }] },
  });
  const problems = [...validatePod(pod), ...validatePodCreate(pod)];
  if (problems.length === 0) return pod;
  throw new Error(problems.map(({ field, message }) => `${field}: ${message}`).join('; '));
}

export function isStaticPod({ metadata }: Pod): boolean {
  return metadata.annotations?.[SOURCE_ANNOTATION] === 'file';
}

export function draftMirror(pod: Pod, node: Node): Draft<Pod> {
  const { name, namespace, labels, annotations } = pod.metadata;
  const owner = { apiVersion: 'v1', kind: 'Node', name: node.metadata.name, uid: node.metadata.uid, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [MIRROR_ANNOTATION]: pod.metadata.uid },
      ownerReferences: [owner],
    },
    spec: pod.spec,
  };
}

/** What has to be done about the mirror of a static pod, or about one that mirrors nothing any more. */
export function planMirror(pod: Pod | undefined, mirror: Pod | undefined): 'create' | 'delete' | undefined {
  if (mirror === undefined) return pod === undefined ? undefined : 'create';
  const isCurrent = mirror.metadata.annotations?.[MIRROR_ANNOTATION] === pod?.metadata.uid;
  return isCurrent && mirror.metadata.deletionTimestamp === undefined ? undefined : 'delete';
}

/** The static pod as the API knows it through its mirror. */
export function throughMirror(pod: Pod, mirror: Pod): Pod {
  const { resourceVersion } = mirror.metadata;
  return { ...pod, metadata: { ...pod.metadata, resourceVersion }, ...(mirror.status === undefined ? {} : { status: mirror.status }) };
}
