/**
 * Decides, from what the machine has, what set-up has to install and whether it can: pure. Everything is decided before anything is
 * changed, so that a machine on which one thing is up to its user is left as it was, with a list of what to do.
 */

/** `forbidden`: it runs, but this user may not talk to it. `stopped`: installed, not running. */
export type EngineState = 'running' | 'forbidden' | 'stopped' | 'absent';

export interface MachineFacts {
  readonly platform: NodeJS.Platform;
  /** `ID` of /etc/os-release; empty where there is none. */
  readonly distribution: string;
  readonly isRoot: boolean;
  readonly engine: EngineState;
  readonly composeVersion: string | undefined;
  /** One of the machine's own. */
  readonly hasKubectl: boolean;
  /** The two that set-up unpacks. */
  readonly hasOwnKubectls: boolean;
  /** nft, ip and conntrack, with which tests load rules into namespaces of their own. */
  readonly hasNetworkTools: boolean;
}

export type SetupAction = 'install-engine' | 'start-engine' | 'install-compose' | 'install-kubectls' | 'install-network-tools';

export interface MissingPiece {
  readonly what: string;
  /** Lines, each a command or a place to get it. */
  readonly how: readonly string[];
}

export interface SetupPlan {
  readonly actions: readonly SetupAction[];
  /** What only the user can do; when there is any, nothing is to be installed at all. */
  readonly missing: readonly MissingPiece[];
}

/** Older ones lack `up --no-build` semantics and the NDJSON of `ps` that we read. */
export const COMPOSE_VERSION_MIN = '2.20';

/** `forTests`: also what only the tests need. */
export function planSetup(facts: MachineFacts, { forTests }: { readonly forTests: boolean }): SetupPlan {
  const parts = [planEngine(facts), planCompose(facts), forTests ? [planKubectl(facts), planNetworkTools(facts)].flat() : []].flat();
  return {
    actions: parts.flatMap((part) => (typeof part === 'string' ? [part] : [])),
    missing: parts.flatMap((part) => (typeof part === 'string' ? [] : [part])),
  };
}

type Part = SetupAction | MissingPiece;

function planEngine(facts: MachineFacts): readonly Part[] {
  switch (facts.engine) {
    case 'running':
      return [];
    case 'forbidden':
      return [{ what: 'access to the Docker engine', how: ['sudo usermod -aG docker "$USER"   # then log in again'] }];
    case 'stopped':
      return facts.isRoot ? ['start-engine'] : [{ what: 'a running Docker engine', how: startHints(facts) }];
    case 'absent':
      return isDebian(facts) && facts.isRoot ? ['install-engine', 'start-engine'] : [{ what: 'Docker Engine', how: engineHints(facts) }];
  }
}

function planCompose(facts: MachineFacts): readonly Part[] {
  if (facts.composeVersion !== undefined && isAtLeast(facts.composeVersion, COMPOSE_VERSION_MIN)) return [];
  // Into the user's own ~/.docker, from a package that is only unpacked: that needs no root.
  if (isDebian(facts)) return ['install-compose'];
  const hint = facts.distribution === 'ubuntu' ? 'sudo apt-get install docker-compose-v2' : 'https://docs.docker.com/compose/install/';
  return [{ what: `docker compose, version ${COMPOSE_VERSION_MIN} or newer`, how: [hint] }];
}

/** The suites run an old kubectl and a new one where both can be had, else the machine's. */
function planKubectl(facts: MachineFacts): readonly Part[] {
  if (facts.hasOwnKubectls) return [];
  if (isDebian(facts)) return ['install-kubectls'];
  if (facts.hasKubectl) return [];
  return [{ what: 'kubectl', how: ['https://kubernetes.io/docs/tasks/tools/#kubectl'] }];
}

/** Where they cannot be installed, the tests that need them say so and are skipped. */
function planNetworkTools(facts: MachineFacts): readonly Part[] {
  return facts.hasNetworkTools || !isDebian(facts) || !facts.isRoot ? [] : ['install-network-tools'];
}

function isDebian(facts: MachineFacts): boolean {
  return facts.platform === 'linux' && facts.distribution === 'debian';
}

function startHints({ platform }: MachineFacts): readonly string[] {
  return platform === 'linux' ? ['sudo systemctl start docker'] : ['start Docker Desktop'];
}

function engineHints({ platform, distribution }: MachineFacts): readonly string[] {
  if (platform !== 'linux') return ['https://docs.docker.com/desktop/'];
  if (distribution === 'debian') return ['run this command again as root, or:', 'sudo apt-get install docker.io'];
  if (distribution === 'ubuntu') return ['sudo apt-get install docker.io docker-compose-v2'];
  return ['https://docs.docker.com/engine/install/'];
}

/** Compares the leading numbers, so that Debian's `2.26.1-4` and Docker's `v2.29.7` are both understood. */
export function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string) =>
    text
      .replace(/^v/, '')
      .split(/[.+-]/)
      .map((part) => Number.parseInt(part, 10) || 0);
  const [have, need] = [numbers(version), numbers(minimum)];
  for (const [index, wanted] of need.entries()) {
    const difference = (have[index] ?? 0) - wanted;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
