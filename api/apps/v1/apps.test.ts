import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllerrevisions, daemonsets, statefulsets } from '../../generated/resources.ts';
import { anObject, testRules, testUpdates } from '../../testing/kind-cases.ts';
import { validateControllerRevision, validateControllerRevisionUpdate } from './controller-revision.ts';
import { applyDaemonSetDefaults, countTemplate, validateDaemonSet, validateDaemonSetUpdate } from './daemon-set.ts';
import { applyStatefulSetDefaults, validateStatefulSet, validateStatefulSetUpdate } from './stateful-set.ts';

const selector = { matchLabels: { app: 'web' } };
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'a' }] } };

const daemonSet = {
  type: daemonsets,
  base: { spec: { selector, template } },
  applyDefaults: applyDaemonSetDefaults,
  validate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
};

testRules(daemonSet, [
  {
    it: 'needs a selector',
    change: { spec: { selector: { matchLabels: null } } },
    problems: ['spec.selector: Invalid value: {}: empty selector is invalid for daemonset'],
  },
  {
    it: 'selects what it makes',
    change: { spec: { selector: { matchLabels: { app: 'api' } } } },
    problems: ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
  },
  {
    it: 'surges or makes room, not both',
    change: { spec: { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: '10%' } } } },
    problems: ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero'],
  },
  {
    it: 'must be able to move',
    change: { spec: { updateStrategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } } },
    problems: ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
  },
  {
    it: 'knows two ways to update',
    change: { spec: { updateStrategy: { type: 'Recreate' } } },
    problems: ['spec.updateStrategy.type: Unsupported value: "Recreate": supported values: "RollingUpdate", "OnDelete"'],
  },
  {
    it: 'has pods that always restart',
    change: { spec: { template: { spec: { restartPolicy: 'Never' } } } },
    problems: ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  },
]);

testUpdates(daemonSet, [
  {
    it: 'keeps its selector',
    change: { spec: { selector: { matchLabels: { tier: 'x' } } } },
    problems: ['spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"x"}}: field is immutable'],
  },
]);

test('the templates of a DaemonSet are counted by the server', () => {
  const first = countTemplate(anObject(daemonSet), undefined);
  assert.equal(first.metadata.annotations?.['deprecated.daemonset.template.generation'], '1');
  const same = countTemplate(anObject(daemonSet), first);
  assert.equal(same.metadata.annotations?.['deprecated.daemonset.template.generation'], '1');
  const changed = countTemplate(anObject(daemonSet, { spec: { template: { spec: { nodeName: 'n' } } } }), first);
  assert.equal(changed.metadata.annotations?.['deprecated.daemonset.template.generation'], '2');
});

const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
const mounting = { spec: { containers: [{ name: 'a', image: 'a', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] } };

const statefulSet = {
  type: statefulsets,
  base: { spec: { selector, template, serviceName: 'web' } },
  applyDefaults: applyStatefulSetDefaults,
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
};

testRules(statefulSet, [
  { it: 'may mount what it claims', change: { spec: { volumeClaimTemplates: [claim], template: mounting } }, problems: [] },
  {
    it: 'mounts nothing else',
    change: { spec: { template: mounting } },
    problems: ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
  },
  {
    it: 'claims some storage',
    change: { spec: { volumeClaimTemplates: [{ ...claim, spec: { accessModes: ['ReadWriteOnce'] } }] } },
    problems: ['spec.volumeClaimTemplates[0].spec.resources[storage]: Required value'],
  },
  {
    it: 'starts in order or at once',
    change: { spec: { podManagementPolicy: 'Random' } },
    problems: ["spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
  },
  {
    it: 'has no rolling update without rolling',
    change: { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } } },
    problems: ['spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy \'RollingUpdate\''],
  },
  {
    it: 'counts from no less than zero',
    change: { spec: { replicas: -1, ordinals: { start: -1 } } },
    problems: [
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
    ],
  },
  {
    it: 'keeps or deletes its claims',
    change: { spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Recycle' } } },
    problems: ['spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Recycle": supported values: "Retain", "Delete"'],
  },
]);

testUpdates(statefulSet, [
  { it: 'may be scaled', change: { spec: { replicas: 5, minReadySeconds: 3 } }, problems: [] },
  {
    it: 'keeps its Service',
    change: { spec: { serviceName: 'other' } },
    problems: [
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
  },
]);

test('a StatefulSet whose claim has no name is told so', () => {
  const nameless = anObject(statefulSet, { spec: { volumeClaimTemplates: [{}] } });
  const fields = validateStatefulSet(nameless).map(({ type, field }) => `${type} ${field}`);
  assert.ok(fields.includes('FieldValueRequired spec.template.spec.volumes[0].name'), fields.join());
});

test('a StatefulSet gets the defaults that kubectl shows', () => {
  const { spec } = anObject(statefulSet, { spec: { volumeClaimTemplates: [claim] } });
  assert.equal(spec.replicas, 1);
  assert.deepEqual(spec.updateStrategy, { type: 'RollingUpdate', rollingUpdate: { partition: 0 } });
  assert.deepEqual(spec.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  const [made] = spec.volumeClaimTemplates ?? [];
  assert.deepEqual(
    [made?.kind, made?.apiVersion, made?.spec.volumeMode, made?.status],
    ['PersistentVolumeClaim', 'v1', 'Filesystem', { phase: 'Pending' }],
  );
});

const revision = {
  type: controllerrevisions,
  base: { data: { spec: 1 }, revision: 1 },
  validate: validateControllerRevision,
  validateUpdate: validateControllerRevisionUpdate,
};

testRules(revision, [{ it: 'holds something', change: { data: null }, problems: ['data: Required value: data is mandatory'] }]);
testUpdates(revision, [
  { it: 'may be renumbered', change: { revision: 2 }, problems: [] },
  { it: 'holds the same for ever', change: { data: { spec: 2 } }, problems: ['data: Invalid value: {"spec":2}: field is immutable'] },
]);
