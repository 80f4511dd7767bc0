/** Objects without what they are about: for clients such as the garbage collector that read nothing but metadata. */
import type { ApiObject } from '#api/meta/resource-type.ts';

export function toPartialMetadata({ metadata }: ApiObject, metaVersion: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}`, metadata };
}
