/**
 * Pods stay on a node that is not ready or cannot be reached for five minutes, unless they say otherwise.
 * Source: upstream's DefaultTolerationSeconds, plugin/pkg/admission/defaulttolerationseconds.
 */
import { pods } from '#api/generated/resources.ts';
import { isOfType } from '../encoding/json-value.ts';
import { type AdmissionPlugin, isMainResource } from './admission.ts';

const TOLERATION_SECONDS = 300;
const KEYS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

export const defaultTolerations: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  mutate: (request) => {
    const { object: pod } = request;
    if (!isMainResource(request) || !isOfType(pods, pod) || pod.spec === undefined) return pod;
    const tolerations = pod.spec.tolerations ?? [];
    const missing = KEYS.filter(
      (key) =>
        !tolerations.some(
          ({ key: tolerated = '', effect = '' }) => (tolerated === '' || tolerated === key) && (effect === '' || effect === 'NoExecute'),
        ),
    );
    if (missing.length === 0) return pod;
    const added = missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATION_SECONDS }));
    return { ...pod, spec: { ...pod.spec, tolerations: [...tolerations, ...added] } };
  },
};
