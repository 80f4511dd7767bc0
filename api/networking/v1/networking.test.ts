import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { ingressclasses, ingresses, ipaddresses, networkpolicies, servicecidrs } from '../../generated/resources.ts';
import { anObject, testRules, testUpdates } from '../../testing/kind-cases.ts';
import { canonicalAddress, canonicalCidr, isStrictlyWithin, parseCidr } from './cidr.ts';
import {
  applyIngressClassDefaults,
  validateIngress,
  validateIngressClass,
  validateIngressClassUpdate,
  validateIngressCreate,
} from './ingress.ts';
import { applyNetworkPolicyDefaults, validateNetworkPolicy } from './network-policy.ts';
import { validateIpAddress, validateIpAddressUpdate, validateServiceCidr, validateServiceCidrUpdate } from './service-cidr.ts';

const canonical = [
  ['10.96.0.1', '10.96.0.1'],
  ['2001:DB8:0:0:0::1', '2001:db8::1'],
  ['::', '::'],
  ['::1', '::1'],
  ['fe80::', 'fe80::'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['::ffff:1.2.3.4', '::ffff:102:304'],
  ['1.2.3', undefined],
] as const;
for (const [text, expected] of canonical) {
  test(`the address ${text} is written ${expected ?? 'nowhere'}`, () => assert.equal(canonicalAddress(text), expected));
}

test('an address written in the one way there is stays so', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const once = canonicalAddress(text);
      assert.ok(once !== undefined && canonicalAddress(once) === once);
      assert.equal(isIPv6(once), isIPv6(text));
    }),
  );
});

test('a range lies within another of its family that is larger', () => {
  const within = (inner: string, outer: string) => {
    const [one, other] = [parseCidr(inner), parseCidr(outer)];
    return one !== undefined && other !== undefined && isStrictlyWithin(one, other);
  };
  assert.equal(within('10.1.0.0/16', '10.0.0.0/8'), true);
  assert.equal(within('10.0.0.0/8', '10.0.0.0/8'), false);
  assert.equal(within('11.1.0.0/16', '10.0.0.0/8'), false);
  assert.equal(within('2001:db8::/64', '2001:db8::/32'), true);
  assert.equal(parseCidr('10.0.0.0/33'), undefined);
  assert.equal(parseCidr('10.0.0.0/08'), undefined);
  const range = parseCidr('10.96.3.7/12');
  assert.equal(range && canonicalCidr(range), '10.96.0.0/12');
});

const backend = { service: { name: 'web', port: { number: 80 } } };
const rules = (path: object, host = 'a.example.com') => ({
  spec: { rules: [{ host, http: { paths: [{ backend, pathType: 'Prefix', path: '/', ...path }] } }] },
});
const ingress = { type: ingresses, base: rules({}), validate: validateIngress };
const AT = 'spec.rules[0].http.paths[0]';

testRules(ingress, [
  { it: 'may be for all hosts of a domain', change: rules({}, '*.example.com'), problems: [] },
  {
    it: 'leads somewhere',
    change: { spec: { rules: null } },
    problems: ['spec: Invalid value: []: either `defaultBackend` or `rules` must be specified'],
  },
  {
    it: 'is for names',
    change: rules({}, '10.1.1.1'),
    problems: ['spec.rules[0].host: Invalid value: "10.1.1.1": must be a DNS name, not an IP address'],
  },
  {
    it: 'has plain paths',
    change: rules({ path: 'a//b/..' }),
    problems: [
      `${AT}.path: Invalid value: "a//b/..": must be an absolute path`,
      `${AT}.path: Invalid value: "a//b/..": must not contain '//'`,
      `${AT}.path: Invalid value: "a//b/..": cannot end with '/..'`,
    ],
  },
  {
    it: 'says how its paths are meant',
    change: rules({ pathType: 'Regex' }),
    problems: [`${AT}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`],
  },
  {
    it: 'has one port to go to',
    change: rules({ backend: { service: { name: 'web', port: { name: 'http', number: 80 } } } }),
    problems: [`${AT}.backend: Invalid value: "": cannot set both port name & port number`],
  },
]);

test('a new Ingress says its class in one way', () => {
  const both = { metadata: { annotations: { 'kubernetes.io/ingress.class': 'a' } }, spec: { ingressClassName: 'b' } };
  const [problem] = validateIngressCreate(anObject(ingress, both));
  assert.equal(problem?.field, 'annotations.kubernetes.io/ingress.class');
  assert.deepEqual(validateIngress(anObject(ingress, both)), []);
});

const ingressClass = {
  type: ingressclasses,
  base: { spec: { controller: 'example.com/controller' } },
  applyDefaults: applyIngressClassDefaults,
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
};
testRules(ingressClass, [
  {
    it: 'has its parameters for all, unless in a namespace',
    change: { spec: { parameters: { kind: 'P', name: 'p', namespace: 'x' } } },
    problems: ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
  },
  {
    it: 'names its controller under a domain',
    change: { spec: { controller: 'nginx' } },
    problems: ['spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")'],
  },
]);
testUpdates(ingressClass, [
  {
    it: 'keeps its controller',
    change: { spec: { controller: 'example.com/other' } },
    problems: ['spec.controller: Invalid value: "example.com/other": field is immutable'],
  },
]);

const policy = {
  type: networkpolicies,
  base: {
    spec: { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 53 }] }] },
  },
  applyDefaults: applyNetworkPolicyDefaults,
  validate: validateNetworkPolicy,
};
test('a NetworkPolicy that says something of what goes out is about that too', () => {
  const { spec } = anObject(policy);
  assert.deepEqual([spec.policyTypes, spec.egress?.[0]?.ports?.[0]?.protocol], [['Ingress', 'Egress'], 'TCP']);
});
const egress = (rule: object) => ({ spec: { egress: [rule] } });
testRules(policy, [
  {
    it: 'has peers that are one thing',
    change: egress({ to: [{}, { podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }),
    problems: [
      'spec.egress[0].to[0]: Required value: must specify a peer',
      'spec.egress[0].to[1]: Forbidden: may not specify both ipBlock and another peer',
    ],
  },
  {
    it: 'excepts parts of what it allows',
    change: egress({ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }),
    problems: ['spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`'],
  },
  {
    it: 'has ranges of ports in order',
    change: egress({
      ports: [
        { port: 90, endPort: 80 },
        { port: 'dns', endPort: 80 },
      ],
    }),
    problems: [
      'spec.egress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`',
      'spec.egress[0].ports[1].endPort: Invalid value: 80: may not be specified when `port` is non-numeric',
    ],
  },
]);

const range = {
  type: servicecidrs,
  base: { spec: { cidrs: ['10.96.0.0/16'] } },
  validate: validateServiceCidr,
  validateUpdate: validateServiceCidrUpdate,
};
testRules(range, [
  { it: 'may have a range of each family', change: { spec: { cidrs: ['10.96.0.0/16', '2001:db8::/112'] } }, problems: [] },
  {
    it: 'is written in the one way there is',
    change: { spec: { cidrs: ['10.96.0.1/16'] } },
    problems: ['spec.cidrs[0]: Invalid value: "10.96.0.1/16": must be in canonical form ("10.96.0.0/16")'],
  },
  { it: 'has a range', change: { spec: { cidrs: null } }, problems: ['spec.cidrs: Required value: at least one CIDR required'] },
]);
testUpdates(range, [
  { it: 'may get a second family', change: { spec: { cidrs: ['10.96.0.0/16', '2001:db8::/112'] } }, problems: [] },
  {
    it: 'keeps its range',
    change: { spec: { cidrs: ['10.97.0.0/16'] } },
    problems: ['spec.cidrs: Invalid value: ["10.97.0.0/16"]: field is immutable'],
  },
]);

const address = {
  type: ipaddresses,
  base: { metadata: { name: '10.96.0.7' }, spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } } },
  validate: validateIpAddress,
  validateUpdate: validateIpAddressUpdate,
};
testRules(address, [
  {
    it: 'is called by its address',
    change: { metadata: { name: '2001:DB8::1' } },
    problems: ['metadata.name: Invalid value: "2001:DB8::1": must be a canonical format IP address'],
  },
  { it: 'is somebody’s', change: { spec: { parentRef: { name: null } } }, problems: ['spec.parentRef.name: Required value'] },
]);
