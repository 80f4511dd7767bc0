/**
 * POST pods/binding: the scheduler's decision. Sets the node once and for all; a pod that has one already, or is going away, is refused.
 * Source: upstream's pkg/registry/core/pod/storage/storage.go, BindingREST.
 */
import { bindings, pods } from '#api/generated/resources.ts';
import type { Binding, Pod } from '#api/generated/types.ts';
import { withCondition } from '#api/meta/condition.ts';
import { invalidValue, notSupported, required } from '#api/meta/field-path.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, conflict, type FieldProblem, invalid } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { decodeBodyAs } from '../encoding/decode-body.ts';
import { isOfType } from '../encoding/json-value.ts';
import { type Answer, statusAnswer } from './answer.ts';
import { modifyStored } from './modify-stored.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseWriteOptions } from './write-options.ts';

export async function bindPod(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = parseWriteOptions(request.query, 'CreateOptions');
  return bind(decodeBodyAs(bindings, request, options.fieldValidation), request.info.name, options.isDryRun, request, deps);
}

/** POST bindings, the older way: the pod is the one that the binding is called after. */
export async function createBinding(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = parseWriteOptions(request.query, 'CreateOptions');
  const binding = decodeBodyAs(bindings, request, options.fieldValidation);
  const { name = '', namespace = '' } = binding.metadata;
  if (name === '') throw new ApiError('BadRequest', 'name must be provided');
  if (namespace !== '' && namespace !== request.info.namespace) {
    throw new ApiError('BadRequest', 'the namespace of the provided object does not match the namespace sent on the request');
  }
  return bind(binding, name, options.isDryRun, request, deps);
}

async function bind(decoded: Binding, name: string, isDryRun: boolean, request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  throwIfMismatched(decoded, name);
  const admission = { operation: 'CREATE', ...request, isDryRun, bodyType: bindings, previous: undefined } as const;
  const binding = asBinding(await deps.admission.mutate({ ...admission, object: decoded }));
  throwIfMismatched(binding, name);
  await deps.admission.validate({ ...admission, object: binding });
  const definition = deps.resources.get(pods);
  await modifyStored({ definition, namespace: request.info.namespace, name, isDryRun, signal: request.signal }, deps, (pod) => {
    if (!isOfType(pods, pod)) throw new ApiError('InternalError', `the stored value is a ${pod.kind}, not a Pod`);
    throwIfUnbindable(pod, binding);
    return { action: 'write', object: bound(pod, binding, formatTime(deps.clock.now())) };
  });
  return statusAnswer({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}

/** Admission changes what a Binding says, not that it is one; this only tells the compiler. */
function asBinding(object: ApiObject): Binding {
  if (!isOfType(bindings, object)) throw new ApiError('InternalError', `admission made a ${object.kind} of the Binding`);
  return object;
}

function throwIfMismatched({ metadata, target }: Binding, name: string): void {
  if ((metadata.name ?? '') !== '' && metadata.name !== name) {
    throw new ApiError('BadRequest', 'name in URL does not match name in Binding object');
  }
  const problems: FieldProblem[] = [];
  const kind = target?.kind ?? '';
  if (kind !== '' && kind !== 'Node') problems.push(notSupported('target.kind', kind, ['Node', '<empty>']));
  if ((target?.name ?? '') === '') problems.push(required('target.name'));
  if (/[/%]/.test(target?.name ?? '')) problems.push(invalidValue('target.name', target.name, "may not contain '/' or '%'"));
  if (problems.length > 0) throw invalid(bindings, name, problems);
}

function throwIfUnbindable({ metadata, spec }: Pod, binding: Binding): void {
  const refuse = (why: string) => conflict({ group: '', plural: 'pods/binding' }, metadata.name, why);
  const { uid = '', resourceVersion = '' } = binding.metadata;
  if (uid !== '' && uid !== metadata.uid)
    throw refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`);
  if (resourceVersion !== '' && resourceVersion !== metadata.resourceVersion) {
    throw refuse(
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`,
    );
  }
  if (metadata.deletionTimestamp !== undefined) throw refuse(`pod ${metadata.name} is being deleted, cannot be assigned to a host`);
  const nodeName = spec?.nodeName ?? '';
  if (nodeName !== '') throw refuse(`pod ${metadata.name} is already assigned to node ${JSON.stringify(nodeName)}`);
  if ((spec?.schedulingGates ?? []).length > 0) throw refuse(`pod ${metadata.name} has non-empty .spec.schedulingGates`);
}

function bound(pod: Pod, { target, metadata }: Binding, time: string): Pod {
  const annotations = { ...pod.metadata.annotations, ...metadata.annotations };
  const labels = { ...pod.metadata.labels, ...metadata.labels };
  const scheduled = { type: 'PodScheduled', status: 'True' };
  // What the node was promised for has come true.
  const { nominatedNodeName: _promised, ...status } = pod.status ?? {};
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    },
    spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: target.name ?? '' },
    status: { ...status, conditions: withCondition(status.conditions, scheduled, time) },
  };
}
