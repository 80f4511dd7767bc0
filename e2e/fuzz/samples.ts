/** Objects that are right, for kinds on which much depends: what is spoilt of them gets further into the server than what is made up. */

const podSpec = {
  containers: [
    {
      name: 'main',
      image: 'nginx',
      ports: [{ containerPort: 80, name: 'http' }],
      env: [{ name: 'A', value: 'b' }],
      resources: { requests: { cpu: '100m', memory: '1Mi' }, limits: { cpu: '1' } },
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
      readinessProbe: { httpGet: { path: '/', port: 'http' } },
    },
  ],
  volumes: [{ name: 'data', emptyDir: {} }],
  tolerations: [{ key: 'a', operator: 'Exists' }],
};
const labels = { app: 'web' };
const template = { metadata: { labels }, spec: podSpec };
const selector = { matchLabels: labels };

/** By kind; the rest of the object is its type's. */
export const samples: Readonly<Record<string, object>> = {
  Pod: { metadata: { labels }, spec: podSpec },
  Deployment: { spec: { replicas: 1, selector, template } },
  ReplicaSet: { spec: { replicas: 1, selector, template } },
  StatefulSet: { spec: { replicas: 1, serviceName: 'a', selector, template } },
  DaemonSet: { spec: { selector, template } },
  Job: { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } },
  CronJob: { spec: { schedule: '* * * * *', jobTemplate: { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } } } },
  ConfigMap: { data: { a: 'b' }, binaryData: { c: 'YQ==' } },
  Secret: { type: 'Opaque', data: { a: 'YQ==' }, stringData: { b: 'c' } },
  Service: { spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] } },
  Namespace: {},
  ServiceAccount: {},
  Endpoints: { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] },
  EndpointSlice: { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] },
  Ingress: {
    spec: {
      rules: [
        {
          host: 'a.example',
          http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'a', port: { number: 80 } } } }] },
        },
      ],
    },
  },
  Role: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
  ClusterRole: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
  RoleBinding: { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' }, subjects: [{ kind: 'User', name: 'x' }] },
  Lease: { spec: { holderIdentity: 'a', leaseDurationSeconds: 10, renewTime: '2026-01-01T00:00:00.000000Z' } },
  PersistentVolumeClaim: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  NetworkPolicy: { spec: { podSelector: selector, ingress: [{ from: [{ podSelector: selector }] }] } },
  HorizontalPodAutoscaler: { spec: { scaleTargetRef: { kind: 'Deployment', name: 'a', apiVersion: 'apps/v1' }, maxReplicas: 3 } },
  PodDisruptionBudget: { spec: { minAvailable: 1, selector } },
  PriorityClass: { value: 5 },
  FlowSchema: {
    spec: {
      priorityLevelConfiguration: { name: 'workload-low' },
      matchingPrecedence: 5_000,
      rules: [{ subjects: [{ kind: 'User', user: { name: 'x' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }],
    },
  },
  PriorityLevelConfiguration: { spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } } },
  SelfSubjectAccessReview: { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } },
  TokenReview: { spec: { token: 'a.b.c' } },
  Widget: { spec: { size: 3, parts: [{ name: 'a', weight: 1 }], free: { a: 1 } } },
  CustomResourceDefinition: {
    spec: {
      group: 'fuzzed.example',
      scope: 'Namespaced',
      names: { plural: 'as', singular: 'a', kind: 'Aa', listKind: 'AaList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  properties: { n: { type: 'integer', minimum: 1 }, m: { type: 'object', additionalProperties: { type: 'string' } } },
                  'x-kubernetes-validations': [{ rule: 'self.n > 0' }],
                },
              },
            },
          },
        },
      ],
    },
  },
};

/** What the runs define so that there are custom resources to write. */
export const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.fuzz.example' },
  spec: {
    group: 'fuzz.example',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: ['v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v1',
      subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: {
              type: 'object',
              properties: {
                size: { type: 'integer', default: 1, maximum: 1_000 },
                name: { type: 'string', pattern: '^(a+)+$', maxLength: 40 },
                parts: {
                  type: 'array',
                  'x-kubernetes-list-type': 'map',
                  'x-kubernetes-list-map-keys': ['name'],
                  maxItems: 50,
                  items: {
                    type: 'object',
                    required: ['name'],
                    properties: { name: { type: 'string' }, weight: { 'x-kubernetes-int-or-string': true } },
                  },
                },
                free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                map: { type: 'object', additionalProperties: { type: 'string' } },
              },
              'x-kubernetes-validations': [{ rule: '!has(self.size) || self.size >= 0', message: 'no less than nothing' }],
            },
            status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      },
    })),
  },
};
