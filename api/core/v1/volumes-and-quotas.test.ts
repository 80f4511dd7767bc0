import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  limitranges,
  persistentvolumeclaims,
  persistentvolumes,
  replicationcontrollers,
  resourcequotas,
} from '../../generated/resources.ts';
import { anObject, testRules, testUpdates } from '../../testing/kind-cases.ts';
import { applyLimitRangeDefaults, validateLimitRange } from './limit-range.ts';
import { applyVolumeDefaults, validateVolume, validateVolumeUpdate } from './persistent-volume.ts';
import { applyClaimDefaults, validateClaim, validateClaimUpdate } from './persistent-volume-claim.ts';
import { applyReplicationControllerDefaults, validateReplicationController } from './replication-controller.ts';
import { applyResourceQuotaDefaults, validateResourceQuota, validateResourceQuotaUpdate } from './resource-quota.ts';

const claim = {
  type: persistentvolumeclaims,
  base: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  applyDefaults: applyClaimDefaults,
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
};

testRules(claim, [
  {
    it: 'says how it is used, and how much it needs',
    change: { spec: { accessModes: null, resources: { requests: { storage: '0' } } } },
    problems: [
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Invalid value: "0": must be greater than zero',
    ],
  },
  {
    it: 'for one pod is for nobody else',
    change: { spec: { accessModes: ['ReadWriteOncePod', 'ReadOnlyMany', 'Maybe'] } },
    problems: [
      'spec.accessModes: Unsupported value: "Maybe": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
    ],
  },
  {
    it: 'names its source in a group, or another claim',
    change: { spec: { dataSource: { kind: 'Thing', name: 'x' } } },
    problems: [
      'spec.dataSource: Invalid value: "Thing": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
      'spec.dataSourceRef: Invalid value: "Thing": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
    ],
  },
]);

const IMMUTABLE =
  'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
const bound = { spec: { storageClassName: 'fast', volumeName: 'v' }, status: { phase: 'Bound', capacity: { storage: '1Gi' } } };
const requests = (storage: string) => ({ spec: { resources: { requests: { storage } } } });
testUpdates(claim, [
  { it: 'is bound once', change: { spec: { volumeName: 'v', storageClassName: 'fast' } }, problems: [] },
  { it: 'stays bound to its volume', from: bound, change: { spec: { volumeName: 'w' } }, problems: [IMMUTABLE] },
  { it: 'grows when it is bound', from: bound, change: requests('2Gi'), problems: [] },
  { it: 'does not grow before', change: requests('2Gi'), problems: [IMMUTABLE] },
  {
    it: 'does not shrink below what it has',
    from: bound,
    change: requests('512Mi'),
    problems: ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
  },
]);

const volume = {
  type: persistentvolumes,
  base: { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/data' } } },
  applyDefaults: applyVolumeDefaults,
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
};

testRules(volume, [
  {
    it: 'is of one kind',
    change: { spec: { nfs: { server: 's', path: 'x' } } },
    problems: [
      'spec.nfs: Forbidden: may not specify more than 1 volume type',
      'spec.nfs.path: Invalid value: "x": must be an absolute path',
    ],
  },
  { it: 'is of some kind', change: { spec: { hostPath: null } }, problems: ['spec: Required value: must specify a volume type'] },
  {
    it: 'on a node says on which',
    change: { spec: { hostPath: null, local: { path: '/disk' } } },
    problems: ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
  },
  {
    it: 'has storage and nothing else',
    change: { spec: { capacity: { cpu: '1' }, persistentVolumeReclaimPolicy: 'Burn' } },
    problems: [
      'spec.capacity: Unsupported value: {"storage":"1Gi","cpu":"1"}: supported values: "storage"',
      'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"',
    ],
  },
]);
testUpdates(volume, [
  { it: 'may be claimed', change: { spec: { claimRef: { namespace: 'default', name: 'data' } } }, problems: [] },
  {
    it: 'stays where it is',
    change: { spec: { hostPath: { path: '/other' } } },
    problems: ['spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation'],
  },
]);

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'a' }] } };
const controller = {
  type: replicationcontrollers,
  base: { spec: { template } },
  applyDefaults: applyReplicationControllerDefaults,
  validate: validateReplicationController,
};
test('a ReplicationController selects what its template is labelled', () => {
  const { spec, metadata } = anObject(controller);
  assert.deepEqual([spec.selector, metadata.labels, spec.replicas], [{ app: 'web' }, { app: 'web' }, 1]);
});
testRules(controller, [
  {
    it: 'makes something',
    change: { spec: { template: null } },
    problems: ['spec.selector: Required value', 'spec.template: Required value'],
  },
]);

const limitRange = {
  type: limitranges,
  base: { spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '100m' } }] } },
  applyDefaults: applyLimitRangeDefaults,
  validate: validateLimitRange,
};
test('a LimitRange gives containers what they may have at most', () => {
  const [item] = anObject(limitRange).spec.limits;
  assert.deepEqual([item?.default, item?.defaultRequest], [{ cpu: '2' }, { cpu: '2' }]);
});
const limits = (...items: readonly object[]) => ({ spec: { limits: items } });
testRules(limitRange, [
  {
    it: 'is in order',
    change: limits({ type: 'Container', min: { cpu: '2' }, default: { cpu: '1' }, max: { cpu: '500m' } }),
    problems: [
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 500m',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": default request value 1 is greater than max value 500m',
      'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
      'spec.limits[0].default[cpu]: Invalid value: "500m": default value 1 is greater than max value 500m',
    ],
  },
  {
    it: 'speaks of each type once, and of claims in storage',
    change: limits({ type: 'PersistentVolumeClaim' }, { type: 'Pod', default: { cpu: '1' } }, { type: 'Pod' }),
    problems: [
      'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
      "spec.limits[1].default: Forbidden: may not be specified when `type` is 'Pod'",
      'spec.limits[2].type: Duplicate value: "Pod"',
    ],
  },
  {
    it: 'has ratios that can be',
    change: limits({ type: 'Container', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } }),
    problems: ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000'],
  },
]);

const quota = {
  type: resourcequotas,
  base: { spec: { hard: { pods: '10', 'requests.cpu': '2', 'count/deployments.apps': '5', 'requests.example.com/gpu': '1' } } },
  applyDefaults: applyResourceQuotaDefaults,
  validate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,
};
testRules(quota, [
  {
    it: 'counts whole objects of what there is',
    change: { spec: { hard: { pods: '1500m', horses: '1', memory: '-1' } } },
    problems: [
      'spec.hard[pods]: Invalid value: "1500m": must be an integer',
      'spec.hard[horses]: Invalid value: "horses": must be a standard resource for quota',
      'spec.hard[memory]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  },
  {
    it: 'has scopes that go together',
    change: { spec: { scopes: ['BestEffort', 'NotBestEffort'] } },
    problems: ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'],
  },
  {
    it: 'selects by values where there are some',
    change: { spec: { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In' }] } } },
    problems: [
      "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
    ],
  },
]);
testUpdates(quota, [
  {
    it: 'counts the same for ever',
    from: { spec: { scopes: ['Terminating'] } },
    change: { spec: { scopes: ['BestEffort'] } },
    problems: ['spec.scopes: Invalid value: ["BestEffort"]: field is immutable'],
  },
]);
