/**
 * Which Kubernetes this is. The name behind the plus is ours; as build metadata it does not make the version a pre-release, which tools that compare
 * versions (Helm's `kubeVersion`) would refuse.
 */
export const versionInfo = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.0+keelson',
  gitCommit: '',
  gitTreeState: 'clean',
  // There is no build. What upstream says of one that nobody stamped; the Python client insists on a value.
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node ${process.version}`,
  compiler: 'node',
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
