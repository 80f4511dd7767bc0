/**
 * In what Keelson's description of its API differs from upstream's, and why. `compare-openapi.ts` passes over what a pattern here matches; docs/differences.md tells
 * the same to users.
 */

export interface Explanation {
  /** Of the whole line that tells the difference. */
  readonly pattern: RegExp;
  readonly why: string;
}

export const explanations: readonly Explanation[] = [
  {
    pattern: /storagemigration\.k8s\.io|\.(storagemigration\.v1|meta\.v1\.GroupResource)\b/,
    why: 'storage version migrations are served in v1, stable since 1.37',
  },
  { pattern: /(produces|consumes): lacks application\/(cbor|cbor-seq|apply-patch\+cbor)$/, why: 'there is no CBOR' },
  { pattern: /parameters: lacks query:shardSelector:string$/, why: 'lists and watches are not split into shards: alpha upstream' },
  {
    pattern: /parameters: lacks query:ignoreStoreReadErrorWithClusterBreakingPotential:boolean$/,
    why: 'stored objects are JSON: none is beyond reading, and none needs to be deleted unread',
  },
  { pattern: /^apis?\/\S+: operation .*: consumes: lacks \*\/\*$/, why: 'version 3 says what is consumed only where there is a body' },
  {
    pattern: /APIServiceSpec: field caBundle: here \{"format":"byte","type":"string"\}/,
    why: 'bytes are no list, though upstream says of these how their items merge',
  },
  {
    pattern: /meta\.v1\.(WatchEvent|DeleteOptions): x-kubernetes-group-version-kind: /,
    why: 'groups that have no resources (admission.k8s.io, imagepolicy.k8s.io, alpha ones) are not listed',
  },
  {
    pattern: /^v1 (pods|services|nodes)\/(attach|exec|portforward|proxy): here \S+ \S+ create,.*get.*, there \S+ \S+ connect$/,
    why: 'what OpenAPI calls connect, discovery shows as the verbs of its methods, upstream as here',
  },
  {
    pattern:
      /model \S+\.(APIGroup|APIGroupList|APIResource|APIResourceList|APIVersions|GroupResource|GroupVersionForDiscovery|ServerAddressByClientCIDR|Info): missing$/,
    why: 'discovery is served, but not described',
  },
];
