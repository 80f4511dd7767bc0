/**
 * Answers what a reader of a ruleset wants to know: a packet from here to there, which endpoints can it reach, masqueraded or not, or is it
 * refused? It interprets the rendered text itself, hook by hook, as the kernel would for the first packet of a connection, and tries every
 * outcome of each random choice. Only tests import it.
 */
import { type ParsedRuleset, parseRuleset } from './parse-ruleset.ts';

export interface TracedPacket {
  readonly from: string;
  /** `10.96.0.10:80/tcp` */
  readonly to: string;
}

export interface TraceOptions {
  /** The node's own addresses; a packet from one of them takes the output path. */
  readonly nodeAddresses?: readonly string[];
  /** Clients in affinity sets, by set. The trace adds those that the rules would add. */
  readonly remembered?: Map<string, Set<string>>;
}

export type TraceVerdict =
  /** `masqueraded` lists those of the endpoints that see this node as the client. */
  | { readonly sentTo: readonly string[]; readonly masqueraded: readonly string[] }
  | { readonly refused: 'rejected' | 'dropped' }
  /** No rule concerned it. */
  | { readonly untouched: true };

interface Packet {
  readonly saddr: string;
  daddr: string;
  dport: string;
  readonly protocol: string;
  mark: number;
  isTranslated: boolean;
  isMasqueraded: boolean;
}

interface Machine {
  readonly ruleset: ParsedRuleset;
  readonly nodeAddresses: readonly string[];
  readonly remembered: Map<string, Set<string>>;
  /** Picks one of `count` outcomes. */
  readonly pick: (count: number) => number;
}

type ChainResult = 'continue' | 'accept' | 'drop' | 'reject';

export function tracePacket(text: string, packet: TracedPacket, options: TraceOptions = {}): TraceVerdict {
  const ruleset = parseRuleset(text);
  const before = options.remembered ?? new Map<string, Set<string>>();
  const verdicts: TraceVerdict[] = [];
  let count = 1;
  for (let outcome = 0; outcome < count; outcome += 1) {
    // Each outcome starts from the same memory; what the last one adds is kept.
    const remembered = new Map([...before].map(([set, clients]) => [set, new Set(clients)]));
    const pick = (choices: number) => {
      count = choices;
      return outcome;
    };
    verdicts.push(traceOnce({ ruleset, nodeAddresses: options.nodeAddresses ?? [], remembered, pick }, packet));
    if (outcome === count - 1) for (const [set, clients] of remembered) before.set(set, clients);
  }
  return mergeVerdicts(verdicts);
}

function mergeVerdicts(verdicts: readonly TraceVerdict[]): TraceVerdict {
  const sent = verdicts.filter((verdict) => 'sentTo' in verdict);
  const [first] = verdicts;
  if (first === undefined) throw new Error('nothing was traced');
  if (sent.length === 0) return first;
  if (sent.length < verdicts.length) throw new Error(`only ${sent.length} of ${verdicts.length} outcomes reach an endpoint`);
  const all = (pick: (verdict: (typeof sent)[number]) => readonly string[]) => sent.flatMap(pick).sort();
  return { sentTo: all(({ sentTo }) => sentTo), masqueraded: all(({ masqueraded }) => masqueraded) };
}

function traceOnce(machine: Machine, { from, to }: TracedPacket): TraceVerdict {
  const [, daddr = '', dport = '', protocol = ''] = /^(.+):(\d+)\/(\w+)$/.exec(to) ?? [];
  const packet: Packet = { saddr: from, daddr, dport, protocol, mark: 0, isTranslated: false, isMasqueraded: false };
  for (const hook of hooksOf(machine, packet)) {
    const result = runHook(machine, packet, hook());
    if (result === 'drop') return { refused: 'dropped' };
    if (result === 'reject') return { refused: 'rejected' };
  }
  if (!packet.isTranslated) return { untouched: true };
  const endpoint = `${packet.daddr}:${packet.dport}`;
  return { sentTo: [endpoint], masqueraded: packet.isMasqueraded ? [endpoint] : [] };
}

/** The hooks on the packet's path; each is asked for when the one before has run, because that may have changed the way. */
function hooksOf({ nodeAddresses }: Machine, packet: Packet): readonly (() => string)[] {
  if (nodeAddresses.includes(packet.saddr)) return [() => 'output', () => 'postrouting'];
  const isForUs = () => nodeAddresses.includes(packet.daddr);
  return [() => 'prerouting', () => (isForUs() ? 'input' : 'forward'), () => (isForUs() ? 'none' : 'postrouting')];
}

function runHook(machine: Machine, packet: Packet, hook: string): ChainResult {
  const chains = machine.ruleset.baseChains.filter((chain) => chain.hook === hook).sort((a, b) => a.priority - b.priority);
  for (const { name } of chains) {
    const result = runChain(machine, packet, name);
    if (result === 'drop' || result === 'reject') return result;
  }
  return 'accept';
}

function runChain(machine: Machine, packet: Packet, name: string): ChainResult {
  const rules = machine.ruleset.chains.get(name);
  if (rules === undefined) throw new Error(`no chain ${name}`);
  for (const rule of rules) {
    const outcome = runRule(machine, packet, rule);
    if ('goTo' in outcome) return runChain(machine, packet, outcome.goTo);
    if (outcome.result !== 'continue') return outcome.result;
  }
  return 'continue';
}

type RuleOutcome = { readonly goTo: string } | { readonly result: ChainResult };
/** A step: go on with the rest of the rule, give the rule up, or end with an outcome. */
type Step = 'next' | 'mismatch' | RuleOutcome;

function runRule(machine: Machine, packet: Packet, rule: readonly string[]): RuleOutcome {
  let rest = rule.join(' ');
  while (rest !== '') {
    const found = statements.find(({ pattern }) => pattern.test(rest));
    const match = found?.pattern.exec(rest);
    if (found === undefined || !match) throw new Error(`the tracer does not know: ${rest}`);
    const step = found.run(machine, packet, match.slice(1).map(String));
    if (step === 'mismatch') return { result: 'continue' };
    if (step !== 'next') return step;
    rest = rest.slice(match[0].length).trim();
  }
  return { result: 'continue' };
}

interface Statement {
  readonly pattern: RegExp;
  run(machine: Machine, packet: Packet, parts: readonly string[]): Step;
}

const when = (holds: boolean): Step => (holds ? 'next' : 'mismatch');
const KEY = '((?:[a-z0-9]+ )*[a-z0-9]+(?: \\. (?:[a-z0-9]+ )*[a-z0-9]+)*)';

/** Everything the renderer uses, most specific first. */
const statements: readonly Statement[] = [
  { pattern: /^ct state new/, run: () => 'next' },
  { pattern: /^meta l4proto (tcp|udp|sctp)(?= |$)/, run: (_, packet, [protocol]) => when(packet.protocol === protocol) },
  {
    pattern: /^meta mark set meta mark (\||\^) (0x[0-9a-f]+)/,
    run: (_, packet, [operator, bits = '']) => {
      packet.mark = operator === '|' ? packet.mark | Number(bits) : packet.mark ^ Number(bits);
      return 'next';
    },
  },
  {
    pattern: /^meta mark & (0x[0-9a-f]+) == (0x[0-9a-f]+)/,
    run: (_, packet, [mask, value]) => when((packet.mark & Number(mask)) === Number(value)),
  },
  {
    pattern: /^fib (saddr|daddr) type local/,
    run: ({ nodeAddresses }, packet, [field]) => {
      const address = field === 'saddr' ? packet.saddr : packet.daddr;
      return when(nodeAddresses.includes(address) || address.startsWith('127.'));
    },
  },
  {
    pattern: /^ip (saddr|daddr) (!= )?([0-9.]+)\/(\d+)/,
    run: (_, packet, [field, not, network = '', bits = '']) =>
      when(isWithin(field === 'saddr' ? packet.saddr : packet.daddr, network, Number(bits)) === (not === 'undefined')),
  },
  {
    pattern: /^dnat to ([0-9.]+):(\d+)/,
    run: (_, packet, [address = '', port = '']) => translate(packet, address, port),
  },
  {
    pattern: new RegExp(`^dnat ip to ${KEY} map @(\\S+)`),
    run: (machine, packet, [key = '', map = '']) => {
      const target = machine.ruleset.maps.get(map)?.get(evaluate(machine, packet, key));
      const [address = '', port = ''] = target?.split(' . ') ?? [];
      return target === undefined ? 'mismatch' : translate(packet, address, port);
    },
  },
  {
    pattern: /^numgen random mod (\d+) vmap \{ (.*) \}/,
    run: ({ pick }, _, [count, choices = '']) => toVerdict(choices.split(', ')[pick(Number(count))]?.replace(/^\d+ : /, '')),
  },
  {
    pattern: new RegExp(`^${KEY} vmap @(\\S+)`),
    run: (machine, packet, [key = '', map = '']) => toVerdict(machine.ruleset.maps.get(map)?.get(evaluate(machine, packet, key))),
  },
  {
    pattern: /^update @(\S+) \{ ip saddr \}/,
    run: ({ remembered }, packet, [set = '']) => {
      remembered.set(set, (remembered.get(set) ?? new Set()).add(packet.saddr));
      return 'next';
    },
  },
  {
    pattern: new RegExp(`^${KEY} @(\\S+)`),
    run: (machine, packet, [key = '', set = '']) => {
      const value = evaluate(machine, packet, key);
      return when(machine.ruleset.sets.get(set)?.has(value) === true || machine.remembered.get(set)?.has(value) === true);
    },
  },
  {
    pattern: /^masquerade fully-random/,
    run: (_, packet) => {
      packet.isMasqueraded = true;
      return { result: 'accept' };
    },
  },
  {
    pattern: /^jump (\S+)/,
    run: (machine, packet, [chain = '']) => {
      const result = runChain(machine, packet, chain);
      return result === 'continue' ? 'next' : { result };
    },
  },
  { pattern: /^goto (\S+)/, run: (_machine, _packet, [chain = '']) => ({ goTo: chain }) },
  { pattern: /^drop$/, run: () => ({ result: 'drop' }) },
  { pattern: /^reject$/, run: () => ({ result: 'reject' }) },
];

function toVerdict(verdict: string | undefined): Step {
  if (verdict === undefined) return 'mismatch';
  return verdict === 'drop' ? { result: 'drop' } : { goTo: verdict.replace(/^goto /, '') };
}

function translate(packet: Packet, address: string, port: string): Step {
  packet.daddr = address;
  packet.dport = port;
  packet.isTranslated = true;
  return { result: 'accept' };
}

/** The value of a concatenation such as `ip daddr . meta l4proto . th dport` for this packet. */
function evaluate({ pick }: Machine, packet: Packet, key: string): string {
  const fields: Readonly<Record<string, string>> = {
    'ip saddr': packet.saddr,
    'ip daddr': packet.daddr,
    'meta l4proto': packet.protocol,
    'th dport': packet.dport,
  };
  const partValue = (part: string) => {
    const [, count, offset] = /^numgen random mod (\d+)(?: offset (\d+))?$/.exec(part) ?? [];
    const value = count === undefined ? fields[part] : String(pick(Number(count)) + Number(offset ?? 0));
    if (value === undefined) throw new Error(`the tracer does not know the expression: ${part}`);
    return value;
  };
  return key.split(' . ').map(partValue).join(' . ');
}

function isWithin(address: string, network: string, bits: number): boolean {
  const number = (text: string) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  return Math.floor(number(address) / size) === Math.floor(number(network) / size);
}
