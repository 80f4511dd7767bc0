/** What set-up does on which machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDistribution } from './machine-facts.ts';
import { isAtLeast, type MachineFacts, planSetup, type SetupAction } from './plan-setup.ts';

function aMachine(changes: Partial<MachineFacts> = {}): MachineFacts {
  return {
    platform: 'linux',
    distribution: 'debian',
    isRoot: true,
    engine: 'running',
    composeVersion: '2.26.1-4',
    hasKubectl: true,
    hasOwnKubectls: true,
    hasNetworkTools: true,
    ...changes,
  };
}

const bare = { engine: 'absent', composeVersion: undefined, hasKubectl: false, hasOwnKubectls: false, hasNetworkTools: false } as const;

const cases: readonly { it: string; machine: MachineFacts; actions: readonly SetupAction[]; missing: readonly string[] }[] = [
  { it: 'does nothing where all is there', machine: aMachine(), actions: [], missing: [] },
  {
    it: 'installs everything on a fresh Debian as root',
    machine: aMachine(bare),
    actions: ['install-engine', 'start-engine', 'install-compose', 'install-kubectls', 'install-network-tools'],
    missing: [],
  },
  { it: 'starts an engine that is only stopped', machine: aMachine({ engine: 'stopped' }), actions: ['start-engine'], missing: [] },
  {
    it: 'asks for the engine without root, though it could unpack the rest',
    machine: aMachine({ ...bare, isRoot: false }),
    actions: ['install-compose', 'install-kubectls'],
    missing: ['Docker Engine'],
  },
  {
    it: 'unpacks both versions of kubectl beside the one that a Debian has',
    machine: aMachine({ hasOwnKubectls: false, isRoot: false }),
    actions: ['install-kubectls'],
    missing: [],
  },
  {
    it: 'is content with the kubectl of another distribution',
    machine: aMachine({ distribution: 'fedora', hasOwnKubectls: false }),
    actions: [],
    missing: [],
  },
  {
    it: 'asks for everything on a distribution it does not know',
    machine: aMachine({ ...bare, distribution: 'fedora' }),
    actions: [],
    missing: ['Docker Engine', 'docker compose, version 2.20 or newer', 'kubectl'],
  },
  {
    it: 'asks for access where the engine refuses the user',
    machine: aMachine({ engine: 'forbidden' }),
    actions: [],
    missing: ['access to the Docker engine'],
  },
  { it: 'replaces a compose that is too old', machine: aMachine({ composeVersion: 'v2.6.0' }), actions: ['install-compose'], missing: [] },
  {
    it: 'has the user start Docker Desktop',
    machine: aMachine({ platform: 'darwin', distribution: '', isRoot: false, engine: 'stopped' }),
    actions: [],
    missing: ['a running Docker engine'],
  },
];

for (const { it, machine, actions, missing } of cases) {
  test(`set-up ${it}`, () => {
    const plan = planSetup(machine, { forTests: true });
    assert.deepEqual(plan.actions, actions);
    assert.deepEqual(
      plan.missing.map(({ what }) => what),
      missing,
    );
    for (const { how } of plan.missing) assert.notEqual(how.length, 0);
  });
}

test('what only tests need is no matter for a user', () => {
  assert.deepEqual(
    planSetup(aMachine({ hasKubectl: false, hasOwnKubectls: false, hasNetworkTools: false }), { forTests: false }).actions,
    [],
  );
});

for (const [version, isEnough] of [
  ['2.26.1-4', true],
  ['v2.40.3', true],
  ['2.20', true],
  ['2.19.9', false],
  ['1.29.2', false],
  ['5.0.0', true],
] as const) {
  test(`compose ${version} is ${isEnough ? 'new enough' : 'too old'}`, () => assert.equal(isAtLeast(version, '2.20'), isEnough));
}

for (const [text, distribution] of [
  ['NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n', 'debian'],
  ['ID="rhel"\nID_LIKE="fedora"\n', 'rhel'],
  ['', ''],
] as const) {
  test(`os-release of ${distribution || 'nothing'} is understood`, () => assert.equal(parseDistribution(text), distribution));
}
