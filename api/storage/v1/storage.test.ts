import {
  csidrivers,
  csinodes,
  csistoragecapacities,
  storageclasses,
  volumeattachments,
  volumeattributesclasses,
} from '../../generated/resources.ts';
import { testRules, testUpdates } from '../../testing/kind-cases.ts';
import {
  applyCsiDriverDefaults,
  validateCsiDriver,
  validateCsiDriverUpdate,
  validateCsiNode,
  validateCsiNodeUpdate,
  validateCsiStorageCapacity,
  validateCsiStorageCapacityUpdate,
  validateVolumeAttachment,
  validateVolumeAttachmentUpdate,
} from './csi.ts';
import {
  applyStorageClassDefaults,
  validateStorageClass,
  validateStorageClassUpdate,
  validateVolumeAttributesClass,
  validateVolumeAttributesClassUpdate,
} from './storage-class.ts';

const storageClass = {
  type: storageclasses,
  base: { provisioner: 'example.com/fast', parameters: { type: 'ssd' } },
  applyDefaults: applyStorageClassDefaults,
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
};
testRules(storageClass, [
  {
    it: 'says who makes volumes, and what becomes of them',
    change: { provisioner: null, reclaimPolicy: 'Recycle', volumeBindingMode: 'Later' },
    problems: [
      'provisioner: Required value',
      'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
      'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
    ],
  },
]);
testUpdates(storageClass, [
  { it: 'may let volumes grow', change: { allowVolumeExpansion: true }, problems: [] },
  {
    it: 'makes the same volumes for ever',
    change: { provisioner: 'example.com/slow', parameters: { type: 'disk' }, reclaimPolicy: 'Retain' },
    problems: [
      'parameters: Forbidden: updates to parameters are forbidden.',
      'provisioner: Forbidden: updates to provisioner are forbidden.',
      'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
    ],
  },
]);

const attributes = {
  type: volumeattributesclasses,
  base: { driverName: 'csi.example.com', parameters: { iops: '1000' } },
  validate: validateVolumeAttributesClass,
  validateUpdate: validateVolumeAttributesClassUpdate,
};
testRules(attributes, [
  {
    it: 'has attributes',
    change: { parameters: null },
    problems: ['parameters: Required value: must contain at least one key/value pair'],
  },
]);
testUpdates(attributes, [
  {
    it: 'is of one driver',
    change: { driverName: 'b.example.com' },
    problems: ['driverName: Forbidden: updates to driverName are forbidden.'],
  },
]);

const driver = {
  type: csidrivers,
  base: { metadata: { name: 'csi.example.com' }, spec: {} },
  applyDefaults: applyCsiDriverDefaults,
  validate: validateCsiDriver,
  validateUpdate: validateCsiDriverUpdate,
};
testRules(driver, [
  {
    it: 'asks for tokens once each, and for some time',
    change: { spec: { tokenRequests: [{ audience: 'a', expirationSeconds: 1 }, { audience: 'a' }], volumeLifecycleModes: ['Sometimes'] } },
    problems: [
      'spec.volumeLifecycleModes: Unsupported value: "Sometimes": supported values: "Ephemeral", "Persistent"',
      'spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
    ],
  },
]);
testUpdates(driver, [
  { it: 'may ask to be called again', change: { spec: { requiresRepublish: true } }, problems: [] },
  {
    it: 'attaches or does not',
    change: { spec: { attachRequired: false } },
    problems: ['spec.attachedRequired: Invalid value: false: field is immutable'],
  },
]);

const csiNode = {
  type: csinodes,
  base: { spec: { drivers: [{ name: 'csi.example.com', nodeID: 'n', topologyKeys: ['zone'] }] } },
  validate: validateCsiNode,
  validateUpdate: validateCsiNodeUpdate,
};
const drivers = (...list: readonly object[]) => ({ spec: { drivers: list } });
testRules(csiNode, [
  {
    it: 'has each driver once, under an id',
    change: drivers({ name: 'a.b', nodeID: '' }, { name: 'a.b', nodeID: 'n', allocatable: { count: -1 } }),
    problems: [
      'spec.drivers[0].nodeID: Required value',
      'spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
      'spec.drivers[1].name: Duplicate value: "a.b"',
    ],
  },
]);
testUpdates(csiNode, [
  {
    it: 'may take more volumes',
    change: drivers({ name: 'csi.example.com', nodeID: 'n', topologyKeys: ['zone'], allocatable: { count: 9 } }),
    problems: [],
  },
  {
    it: 'keeps its ids',
    change: drivers({ name: 'csi.example.com', nodeID: 'm', topologyKeys: ['zone'] }),
    problems: ['spec.drivers: Invalid value: {"name":"csi.example.com","nodeID":"m","topologyKeys":["zone"]}: field is immutable'],
  },
]);

const capacity = {
  type: csistoragecapacities,
  base: { storageClassName: 'fast', capacity: '1Gi' },
  validate: validateCsiStorageCapacity,
  validateUpdate: validateCsiStorageCapacityUpdate,
};
testRules(capacity, [
  { it: 'is no debt', change: { capacity: '-1' }, problems: ['capacity: Invalid value: "-1": must be greater than or equal to 0'] },
]);
testUpdates(capacity, [
  {
    it: 'is for one class',
    change: { storageClassName: 'slow' },
    problems: ['storageClassName: Invalid value: "slow": field is immutable'],
  },
]);

const attachment = {
  type: volumeattachments,
  base: { spec: { attacher: 'csi.example.com', nodeName: 'n', source: { persistentVolumeName: 'v' } } },
  validate: validateVolumeAttachment,
  validateUpdate: validateVolumeAttachmentUpdate,
};
testRules(attachment, [
  {
    it: 'is of something',
    change: { spec: { source: { persistentVolumeName: null } } },
    problems: ['spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
  },
]);
testUpdates(attachment, [
  {
    it: 'stays what it is',
    change: { spec: { nodeName: 'm' } },
    problems: [
      'spec: Invalid value: {"attacher":"csi.example.com","nodeName":"m","source":{"persistentVolumeName":"v"}}: field is immutable',
    ],
  },
]);
