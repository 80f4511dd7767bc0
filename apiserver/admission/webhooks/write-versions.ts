/** A write as the versions that webhooks ask for have it: converted when first asked for, and back. The two plugins in this folder use it. */
import type { ApiObject } from '#api/meta/resource-type.ts';
import { convertObject } from '../../encoding/served-bytes.ts';
import type { ResourceDefinition } from '../../resources/resource-definition.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { ReviewedWrite } from './admission-review.ts';

type Definition = ResourceDefinition<ApiObject>;

export interface WriteVersions {
  /** The write with `object` (as the version `from` has it) in the version `to`. */
  in(to: Definition, object: ApiObject, from: Definition): Promise<ReviewedWrite>;
}

export function createWriteVersions(request: AdmissionRequest): WriteVersions {
  const { operation, definition, previous, bodyType } = request;
  const previousIn = new Map<Definition, Promise<ApiObject | undefined>>();
  // A Scale is the same in every version of what it scales.
  const convert = async (from: Definition, to: Definition, object: ApiObject) =>
    bodyType === undefined ? convertObject(from, to, object) : object;
  const previousAs = (to: Definition) =>
    previousIn.getOrInsertComputed(to, async () => (previous === undefined ? undefined : convert(definition, to, previous)));
  return {
    in: async (to, object, from) => ({
      definition: to,
      object: operation === 'DELETE' ? undefined : await convert(from, to, object),
      oldObject: await previousAs(to),
    }),
  };
}
