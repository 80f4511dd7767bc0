/**
 * What is stored: a custom resource about as large and as deep as a Pod's template, 2.1 kB as it is sent and 3.9 kB as it is stored, of which the record of
 * who owns which field is the larger part of the difference. Its schema types every field, so that nothing is passed over unread.
 */

export const GROUP = 'bench.keelson.dev';
export const PLURAL = 'workloads';
const VERSION = 'v1';
const KIND = 'Workload';
const VARIABLES = 4;
const PAYLOAD_CHARACTERS = 680;
const CONTAINERS = ['app', 'proxy'];

export const CRD_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Where objects of a namespace are. */
export function collectionPath(namespace: string): string {
  return `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/${PLURAL}`;
}

const text = { type: 'string' };
const count = { type: 'integer' };
const texts = { type: 'object', additionalProperties: text };

const variable = { type: 'object', required: ['name'], properties: { name: text, value: { type: 'string', maxLength: 500 } } };
const container = {
  type: 'object',
  required: ['name', 'image'],
  properties: {
    name: text,
    image: text,
    imagePullPolicy: { type: 'string', enum: ['Always', 'IfNotPresent', 'Never'] },
    env: { type: 'array', items: variable, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
    args: { type: 'array', items: text },
    resources: { type: 'object', properties: { limits: texts, requests: texts } },
  },
};
const spec = {
  type: 'object',
  required: ['replicas'],
  properties: {
    replicas: { type: 'integer', minimum: 0, maximum: 1_000 },
    paused: { type: 'boolean', default: false },
    revisionHistoryLimit: count,
    payload: text,
    selector: { type: 'object', properties: { matchLabels: texts } },
    containers: { type: 'array', items: container, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] },
    nodeSelector: texts,
    serviceAccountName: text,
  },
};
const status = { type: 'object', properties: { replicas: count, readyReplicas: count } };

export const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${PLURAL}.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { plural: PLURAL, singular: 'workload', kind: KIND, listKind: `${KIND}List` },
    versions: [
      {
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
      },
    ],
  },
};

/** One object's JSON. `value` is what an update changes. */
export function workload(name: string, value: string, resourceVersion?: string): string {
  const labels = { 'app.kubernetes.io/name': 'bench', 'app.kubernetes.io/instance': name, 'app.kubernetes.io/managed-by': 'bench' };
  return JSON.stringify({
    apiVersion: `${GROUP}/${VERSION}`,
    kind: KIND,
    metadata: {
      name,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      labels,
      annotations: { 'bench.keelson.dev/note': 'x'.repeat(60) },
    },
    spec: {
      replicas: 3,
      revisionHistoryLimit: 10,
      payload: value.padEnd(PAYLOAD_CHARACTERS, '.'),
      selector: { matchLabels: { 'app.kubernetes.io/instance': name } },
      containers: CONTAINERS.map(containerNamed),
      nodeSelector: { 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': 'zone-a' },
      serviceAccountName: 'bench',
    },
  });
}

function containerNamed(name: string) {
  return {
    name,
    image: `registry.example.com/bench/${name}:1.36.0`,
    imagePullPolicy: 'IfNotPresent',
    env: Array.from({ length: VARIABLES }, (_, index) => ({ name: `VARIABLE_${index}`, value: `value-${index}` })),
    args: ['--listen=0.0.0.0:8080', '--log-level=info'],
    resources: { limits: { cpu: '500m', memory: '128Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
  };
}
