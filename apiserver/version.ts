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
  goVersion: `node ${process.version}`,
  compiler: 'node',
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
