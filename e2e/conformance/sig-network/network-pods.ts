/**
 * Pods that the tests of networking talk through: servers that answer with their own name (`programs/web-server.ts`), and a caller that dials
 * from inside the cluster (`programs/dial.ts`).
 */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { TestScope } from '../framework/conformance-test.ts';
import { exec } from '../framework/exec.ts';
import { eventually } from '../framework/expect.ts';
import { IDLE_COMMAND } from '../framework/image.ts';
import { untilReady } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';

export const HTTP_PORT = 8080;
/** TCP and UDP: whoever connects or sends is told the name at once. */
export const NAME_PORT = HTTP_PORT + 1;

/** A server that is slow to answer on a busy machine is still one that its Service leads to. */
export const READINESS: Json = { tcpSocket: { port: NAME_PORT }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 20 };

export type Protocol = 'http' | 'tcp' | 'udp';

/** Makes servers; its pods answer with their names, which are ready when the promise resolves. */
export async function serverPods(t: TestScope): Promise<(name: string, labels?: Json, spec?: Json, container?: Json) => Promise<Json>> {
  const specOf = await createProgram(t, 'web-server');
  return async (name, labels = {}, spec = {}, container = {}) => {
    const made = { ...specOf([String(HTTP_PORT)], { readinessProbe: READINESS, ...container }), ...spec };
    await t.resource('v1/pods').create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec: made });
    return untilReady(t.resource('v1/pods'), name);
  };
}

export interface Caller {
  /** So many answers of each host, each by a connection of its own; hosts are separated by commas. Throws when one is not answered. */
  dial(protocol: Protocol, hosts: string, port: number, times?: number): Promise<readonly string[]>;
  /** Waits until `check` is content with the answers: rules reach the nodes a moment after the object they are about. */
  untilAnswered(
    what: string,
    dial: Parameters<Caller['dial']>,
    check?: (answers: readonly string[]) => boolean,
  ): Promise<readonly string[]>;
  /** Waits until nobody answers any more. */
  untilSilent(what: string, dial: Parameters<Caller['dial']>): Promise<void>;
}

/** `spec` may put it on a node or in a node's network. */
export async function startCaller(t: TestScope, spec: Json = {}, name = 'caller'): Promise<Caller> {
  const specOf = await createProgram(t, 'dial');
  const pods = t.resource('v1/pods');
  const made = { ...specOf([], { command: [...IDLE_COMMAND] }), ...spec };
  await pods.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: made });
  await untilReady(pods, name);
  const attempt = (protocol: Protocol, host: string, port: number, times = 1) =>
    exec(t, name, ['node', '/program/dial.ts', protocol, host, String(port), String(times)]);
  const caller: Caller = {
    dial: async (...target) => {
      const { code, stdout, stderr } = await attempt(...target);
      assert.equal(code, 0, `${target.join(' ')}: ${stderr}`);
      return stdout.trimEnd().split('\n');
    },
    untilAnswered: (what, target, check = () => true) =>
      eventually(what, async () => {
        const answers = await caller.dial(...target);
        if (!check(answers)) throw new Error(`answers were ${answers.join(', ')}`);
        return answers;
      }),
    untilSilent: async (what, target) => {
      await eventually(what, async () => (await attempt(...target)).code !== 0);
    },
  };
  return caller;
}

export const aService = (name: string, spec: Json, labels: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, labels },
  spec,
});

/** Addresses of a node by type. */
export function addressOf({ status }: Json, type: string): string | undefined {
  return status.addresses.find((address: Json) => address.type === type)?.address;
}
