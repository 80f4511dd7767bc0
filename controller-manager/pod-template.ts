/**
 * Comparing and naming pod templates. Two templates are the same rollout when they differ in nothing but the `pod-template-hash` label;
 * the hash that names a ReplicaSet is a function of the template alone (and of the Deployment's collision count), so a controller that
 * died after the create finds the ReplicaSet it made. Upstream: pkg/controller/deployment/util (EqualIgnoreHash), pkg/controller (ComputeHash).
 */
import type { PodTemplateSpec } from '#api/generated/types.ts';

export const POD_TEMPLATE_HASH_LABEL = 'pod-template-hash';

/** No vowels, no lookalikes: upstream's alphabet for names, indexed by a digit's character code. */
const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

export function isSameTemplate(left: PodTemplateSpec | undefined, right: PodTemplateSpec | undefined): boolean {
  return canonicalTemplate(left ?? {}) === canonicalTemplate(right ?? {});
}

/** At most ten characters, the same for the same template. `collisionCount` gives another one when a name is taken. */
export function hashTemplate(template: PodTemplateSpec, collisionCount: number | undefined): string {
  const text = canonicalTemplate(template) + (collisionCount === undefined ? '' : `#${collisionCount}`);
  return [...String(fnv1a(text))].map((digit) => SAFE_ALPHABET[digit.charCodeAt(0) % SAFE_ALPHABET.length]).join('');
}

/** Key order, absent lists and nulls do not matter; an empty object does (`emptyDir: {}`). */
function canonicalTemplate(template: PodTemplateSpec): string {
  const { [POD_TEMPLATE_HASH_LABEL]: _hash, ...labels } = template.metadata?.labels ?? {};
  const annotations = template.metadata?.annotations ?? {};
  return canonicalJson({ labels, annotations, finalizers: template.metadata?.finalizers, spec: template.spec });
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => !isAbsent(field));
  fields.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
