/** HorizontalPodAutoscalers, as the API server serves them: stored in their v2 form, seen through v1 as well. */
import { autoscalerFromV1, autoscalerToV1 } from '#api/autoscaling/v1/horizontal-pod-autoscaler.ts';
import { applyAutoscalerDefaults, validateAutoscaler } from '#api/autoscaling/v2/horizontal-pod-autoscaler.ts';
import { formatMetrics } from '#api/autoscaling/v2/metrics.ts';
import { horizontalpodautoscalersV1 as typeV1, horizontalpodautoscalersV2 as typeV2 } from '#api/generated/resources.ts';
import type { HorizontalPodAutoscaler, V2HorizontalPodAutoscaler } from '#api/generated/types.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { defineVersion } from './define-version.ts';
import { UNSET } from './volume-columns.ts';

export const horizontalpodautoscalers = defineResource<V2HorizontalPodAutoscaler>(typeV2, {
  shortNames: ['hpa'],
  categories: ['all'],
  columns: [
    nameColumn,
    textColumn('Reference', 'What it scales.', ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`),
    textColumn('Targets', 'What it goes by, as it is and as it should be.', ({ spec, status }) =>
      formatMetrics(spec.metrics ?? [], status?.currentMetrics ?? []),
    ),
    textColumn('MinPods', 'How many pods there are at least.', ({ spec }) => String(spec.minReplicas ?? UNSET)),
    textColumn('MaxPods', 'How many pods there are at most.', ({ spec }) => spec.maxReplicas),
    textColumn('Replicas', 'How many pods there are.', ({ status }) => status?.currentReplicas ?? 0),
    ageColumn,
  ],
  applyDefaults: applyAutoscalerDefaults,
  validate: validateAutoscaler,
  initialStatus: () => ({ desiredReplicas: 0 }),
});

export const horizontalpodautoscalersV1 = defineVersion<HorizontalPodAutoscaler, V2HorizontalPodAutoscaler>(
  typeV1,
  horizontalpodautoscalers,
  {
    toStored: autoscalerFromV1,
    fromStored: autoscalerToV1,
  },
);
