/**
 * New claims and volumes are held by a finalizer, which the controller manager takes away once nobody uses them: a pod does not lose its data because somebody
 * deleted its claim. Source: upstream's plugin/pkg/admission/storage/storageobjectinuseprotection.
 */
import { PV_PROTECTION, PVC_PROTECTION } from '#api/core/v1/storage-protection.ts';
import { persistentvolumeclaims, persistentvolumes } from '#api/generated/resources.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { isOfType } from '../encoding/json-value.ts';
import { type AdmissionPlugin, isMainResource } from './admission.ts';

export const storageProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  mutate: (request) => {
    const { object, operation } = request;
    if (operation !== 'CREATE' || !isMainResource(request)) return object;
    if (isOfType(persistentvolumeclaims, object)) return heldBy(PVC_PROTECTION, object);
    return isOfType(persistentvolumes, object) ? heldBy(PV_PROTECTION, object) : object;
  },
};

function heldBy(finalizer: string, object: ApiObject): ApiObject {
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(finalizer)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
}
