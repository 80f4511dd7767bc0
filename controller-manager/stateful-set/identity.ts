/**
 * Who is who in a StatefulSet: each pod has an ordinal, and from it its name, its host name and the names of its claims, which outlive the pod.
 * Upstream: pkg/controller/statefulset/stateful_set_utils.go.
 */
import { statefulsets } from '#api/generated/resources.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { REVISION_LABEL } from '../controller-revisions.ts';
import { podFromTemplate } from '../pod-from-template.ts';

const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';
const NAME_AND_ORDINAL = /^(.*)-([0-9]+)$/;

export interface Ordinals {
  readonly start: number;
  /** The last one's successor. */
  readonly end: number;
}

export function ordinalsOf({ spec }: StatefulSet): Ordinals {
  const start = spec.ordinals?.start ?? 0;
  return { start, end: start + (spec.replicas ?? 1) };
}

export function podNameOf(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

/** The name of the set that a pod of this name belongs to, and its place there; undefined when it is no such name. */
export function parsePodName(name: string): { readonly parent: string; readonly ordinal: number } | undefined {
  const [, parent, ordinal] = NAME_AND_ORDINAL.exec(name) ?? [];
  return parent === undefined || ordinal === undefined ? undefined : { parent, ordinal: Number(ordinal) };
}

export function ordinalOf(pod: Pod): number {
  return parsePodName(pod.metadata.name)?.ordinal ?? -1;
}

/** The pod's revision is a ControllerRevision's name. */
export function revisionOf({ metadata }: Pod): string | undefined {
  return metadata.labels?.[REVISION_LABEL];
}

export interface PodVersion {
  readonly template: PodTemplateSpec;
  readonly revision: string;
}

export function newStatefulPod(set: StatefulSet, ordinal: number, { template, revision }: PodVersion): Draft<Pod> {
  const name = podNameOf(set, ordinal);
  const { metadata, spec = { containers: [] } } = template;
  const { serviceName = '' } = set.spec;
  const labels = { ...metadata?.labels, ...identityLabels(name, ordinal), [REVISION_LABEL]: revision };
  const identified = { ...spec, hostname: name, ...(serviceName === '' ? {} : { subdomain: serviceName }) };
  const volumes = volumesOf(set, ordinal, spec.volumes ?? []);
  return podFromTemplate({
    owner: set,
    ownerType: statefulsets,
    template: { metadata: { ...metadata, labels }, spec: volumes.length === 0 ? identified : { ...identified, volumes } },
    name,
  });
}

/** The labels that an existing pod lacks; undefined when it has them. */
export function missingIdentity(pod: Pod): Readonly<Record<string, string>> | undefined {
  const labels = identityLabels(pod.metadata.name, ordinalOf(pod));
  return Object.entries(labels).every(([label, value]) => pod.metadata.labels?.[label] === value) ? undefined : labels;
}

export function claimNames(set: StatefulSet, ordinal: number): readonly string[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => claimName(template, set, ordinal));
}

export function newClaims(set: StatefulSet, ordinal: number): readonly Draft<PersistentVolumeClaim>[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => {
    const { labels, annotations } = template.metadata;
    const { namespace } = set.metadata;
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: claimName(template, set, ordinal),
        ...(namespace === undefined ? {} : { namespace }),
        labels: { ...labels, ...set.spec.selector.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: template.spec,
    };
  });
}

/** A template's claim takes the place of a volume of the same name. */
function volumesOf(set: StatefulSet, ordinal: number, own: NonNullable<Pod['spec']['volumes']>): NonNullable<Pod['spec']['volumes']> {
  const claimed = (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name,
    persistentVolumeClaim: { claimName: claimName(template, set, ordinal) },
  }));
  const names = new Set(claimed.map(({ name }) => name));
  return [...claimed, ...own.filter(({ name }) => !names.has(name))];
}

function claimName(template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string {
  return `${template.metadata.name}-${podNameOf(set, ordinal)}`;
}

function identityLabels(name: string, ordinal: number): Readonly<Record<string, string>> {
  return { [POD_NAME_LABEL]: name, [POD_INDEX_LABEL]: String(ordinal) };
}
