/**
 * Routes to the other nodes' pods: `<pod CIDR> via <node address>` for each, marked as ours by a protocol number, so that those of nodes
 * that left are found and removed. Enough where nodes share a network. `planRoutes` is pure; `applyRoutes` runs `ip`.
 */
import type { Node } from '#api/generated/types.ts';
import type { Run } from './exec.ts';

/** Marks our routes in the kernel's table; a number that neither the kernel nor a known routing daemon uses. */
const ROUTE_PROTOCOL = '97';

export interface Route {
  readonly podCidr: string;
  readonly nodeIp: string;
}

export function wantedRoutes(nodes: readonly Node[], ownName: string): readonly Route[] {
  return nodes
    .filter(({ metadata }) => metadata.name !== ownName)
    .flatMap(({ spec, status }) => {
      const nodeIp = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
      return spec.podCIDR === undefined || nodeIp === undefined ? [] : [{ podCidr: spec.podCIDR, nodeIp }];
    });
}

export interface RoutePlan {
  readonly replaced: readonly Route[];
  readonly removed: readonly Route[];
}

export function planRoutes(wanted: readonly Route[], present: readonly Route[]): RoutePlan {
  const isIn = (routes: readonly Route[], { podCidr, nodeIp }: Route) =>
    routes.some((route) => route.podCidr === podCidr && route.nodeIp === nodeIp);
  return {
    replaced: wanted.filter((route) => !isIn(present, route)),
    removed: present.filter(({ podCidr }) => !wanted.some((route) => route.podCidr === podCidr)),
  };
}

export async function readRoutes(run: Run): Promise<readonly Route[]> {
  const text = await run('ip', ['-json', 'route', 'show', 'proto', ROUTE_PROTOCOL]);
  const parsed: unknown = JSON.parse(text.trim() || '[]');
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((route: unknown) => {
    if (typeof route !== 'object' || route === null || !('dst' in route) || !('gateway' in route)) return [];
    return typeof route.dst === 'string' && typeof route.gateway === 'string' ? [{ podCidr: route.dst, nodeIp: route.gateway }] : [];
  });
}

/** Every route is tried, also when one fails; throws with all that failed. */
export async function applyRoutes({ replaced, removed }: RoutePlan, run: Run): Promise<void> {
  const commands = [
    ...removed.map(({ podCidr }) => ['route', 'del', podCidr, 'proto', ROUTE_PROTOCOL]),
    ...replaced.map(({ podCidr, nodeIp }) => ['route', 'replace', podCidr, 'via', nodeIp, 'proto', ROUTE_PROTOCOL]),
  ];
  const results = await Promise.allSettled(commands.map((args) => run('ip', args)));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failures.length > 0) throw new AggregateError(failures, `routes to other nodes: ${failures.map(String).join('; ')}`);
}
