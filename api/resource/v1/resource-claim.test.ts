import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceclaims, resourceslices } from '../../generated/resources.ts';
import { anObject } from '../../testing/kind-cases.ts';
import { applyResourceClaimDefaults, validateResourceClaim, validateResourceClaimUpdate } from './resource-claim.ts';
import { validateResourceSlice } from './resource-slice.ts';

const claims = {
  type: resourceclaims,
  base: { spec: { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } } },
  applyDefaults: applyResourceClaimDefaults,
  validate: validateResourceClaim,
};
const claimOf = (devices: object, status?: object) => anObject(claims, { spec: { devices }, ...(status === undefined ? {} : { status }) });
const problemsOf = (devices: object, status?: object) =>
  validateResourceClaim(claimOf(devices, status)).map(({ field, message }) => `${field}: ${message}`);

test('a claim asks for one device, unless it says otherwise', () => {
  const { spec } = anObject(claims);
  assert.deepEqual(spec.devices?.requests?.[0]?.exactly, { deviceClassName: 'gpu.example.com', allocationMode: 'ExactCount', count: 1 });
  assert.deepEqual(problemsOf({}), []);
});

const exactly = { deviceClassName: 'gpu' };
const cases: readonly { it: string; devices: object; problems: readonly string[] }[] = [
  {
    it: 'a request without devices',
    devices: { requests: [{ name: 'a' }] },
    problems: ['spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required'],
  },
  {
    it: 'two requests of one name',
    devices: {
      requests: [
        { name: 'a', exactly },
        { name: 'a', exactly },
      ],
    },
    problems: ['spec.devices.requests[1].name: Duplicate value: "a"'],
  },
  {
    it: 'a number of all devices',
    devices: { requests: [{ name: 'a', exactly: { ...exactly, allocationMode: 'All', count: 2 } }] },
    problems: ["spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'"],
  },
  {
    it: 'a constraint on what is not asked for',
    devices: { requests: [{ name: 'a', exactly }], constraints: [{ requests: ['b'], matchAttribute: 'x.example.com/y' }] },
    problems: [
      'spec.devices.constraints[0].requests[0]: Invalid value: "b": must be the name of a request in the claim or the name of a request and a subrequest separated by \'/\'',
    ],
  },
];
for (const { it, devices, problems } of cases) test(`a claim is refused with ${it}`, () => assert.deepEqual(problemsOf(devices), problems));

test('a claim is reserved once it is allocated, and is allocated once', () => {
  const reservedFor = [{ resource: 'pods', name: 'p', uid: '1' }];
  assert.deepEqual(problemsOf({}, { reservedFor }), ['status.reservedFor: Forbidden: may not be specified when `allocated` is not set']);
  assert.deepEqual(problemsOf({}, { reservedFor, allocation: {} }), []);
  const [free, one, other] = [undefined, { allocation: {} }, { allocation: { devices: {} } }].map((status) => claimOf({}, status));
  assert.ok(free && one && other);
  assert.deepEqual(validateResourceClaimUpdate(one, free, 'status'), []);
  assert.deepEqual(validateResourceClaimUpdate(free, one, 'status'), []);
  assert.equal(validateResourceClaimUpdate(other, one, 'status')[0]?.field, 'status.allocation');
  assert.equal(validateResourceClaimUpdate(claimOf({ requests: [] }), anObject(claims), '')[0]?.field, 'spec');
});

test('a slice is at one place', () => {
  const base = { spec: { driver: 'd.example.com', pool: { name: 'p', generation: 1, resourceSliceCount: 1 } } };
  const rules = { type: resourceslices, base, validate: validateResourceSlice };
  const placed = (spec: object) => validateResourceSlice(anObject(rules, { spec })).map(({ field }) => field);
  assert.deepEqual(placed({}), ['spec']);
  assert.deepEqual(placed({ nodeName: 'n' }), []);
  assert.deepEqual(placed({ nodeName: 'n', allNodes: true }), ['spec']);
  assert.deepEqual(placed({ allNodes: true, devices: [{ name: 'a' }, { name: 'a' }] }), ['spec.devices[1].name']);
});
