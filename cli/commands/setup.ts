/**
 * `keelson setup`: makes sure that everything the cluster needs on this machine is there. Decides first and touches nothing when a part of
 * it is up to the user; otherwise installs what is missing, one step after the other, each safe to be interrupted and done again.
 */
import { systemClock } from '#component/clock.ts';
import { applyImages } from '../images.ts';
import type { Progress } from '../progress.ts';
import { applyBaseImages } from '../setup/base-images.ts';
import { installComposePlugin } from '../setup/compose-plugin.ts';
import { installEngine, startEngine } from '../setup/docker-engine.ts';
import { findComposeVersion, findEngineVersion, findMachineFacts } from '../setup/machine-facts.ts';
import { type MissingPiece, planSetup, type SetupAction } from '../setup/plan-setup.ts';
import { installNetworkTools, installTestTools } from '../setup/test-tools.ts';

/** What the user has to see to before set-up can go on; its text says all there is to say. */
export class SetupIncomplete extends Error {
  override readonly name = 'SetupIncomplete';
}

const ACTION_NAMES: Readonly<Record<SetupAction, string>> = {
  'install-engine': 'Docker engine',
  'start-engine': 'Docker engine',
  'install-compose': 'docker compose',
  'install-kubectls': 'kubectl',
  'install-network-tools': 'network tools',
};

export async function runSetup(progress: Progress, options: { readonly forTests: boolean }): Promise<void> {
  let actions: readonly SetupAction[] = [];
  await progress.step('this machine', async () => {
    const plan = planSetup(await findMachineFacts(), options);
    if (plan.missing.length > 0) throw new SetupIncomplete(renderMissing(plan.missing));
    actions = plan.actions;
    if (actions.length > 0) return `to see to: ${[...new Set(actions.map((action) => ACTION_NAMES[action]))].join(', ')}`;
    return `Docker ${await findEngineVersion()}, compose ${await findComposeVersion()}`;
  });
  for (const action of actions) await progress.step(ACTION_NAMES[action], (say) => perform(action, say));
  await progress.step('base images', applyBaseImages);
  await progress.step('images', applyImages);
}

async function perform(action: SetupAction, say: (what: string) => void): Promise<string> {
  switch (action) {
    case 'install-engine':
      say('installing docker.io with apt-get');
      await installEngine();
      return 'installed';
    case 'start-engine':
      say('starting');
      await startEngine(systemClock);
      return `${await findEngineVersion()} started`;
    case 'install-compose':
      say('unpacking the package of Debian 13');
      await installComposePlugin();
      return `${await findComposeVersion()} installed`;
    case 'install-kubectls':
      say('unpacking the packages of Debian 13 and sid');
      await installTestTools();
      return 'installed in .keelson/bin';
    case 'install-network-tools':
      say('installing nftables, iproute2 and conntrack with apt-get');
      await installNetworkTools();
      return 'installed';
  }
}

function renderMissing(missing: readonly MissingPiece[]): string {
  const pieces = missing.flatMap(({ what, how }) => [`  ${what}`, ...how.map((line) => `      ${line}`)]);
  return ['Nothing was changed. Missing on this machine, and how to get it:', ...pieces].join('\n');
}
