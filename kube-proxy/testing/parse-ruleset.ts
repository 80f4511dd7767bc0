/**
 * Reads the text that `render-ruleset.ts` writes into tables of rules, maps and sets. Only for the packet tracer: it knows exactly the
 * shapes we render and throws on anything else, so that a change of the renderer cannot go untraced.
 */
export interface BaseChain {
  readonly name: string;
  readonly hook: string;
  readonly priority: number;
}

export interface ParsedRuleset {
  /** Rules as words, by chain. */
  readonly chains: ReadonlyMap<string, readonly (readonly string[])[]>;
  readonly baseChains: readonly BaseChain[];
  /** Key and value with single blanks: `10.96.0.1 . tcp . 443` to `goto spread-service-2`. */
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Block {
  readonly kind: string;
  readonly name: string;
  readonly lines: readonly string[];
}

export function parseRuleset(text: string): ParsedRuleset {
  const blocks = blocksOf(text);
  const ofKind = (kind: string) => blocks.filter((block) => block.kind === kind);
  return {
    chains: new Map(ofKind('chain').map(({ name, lines }) => [name, lines.filter((line) => !line.startsWith('type ')).map(words)])),
    baseChains: ofKind('chain').flatMap(baseChainOf),
    maps: new Map(ofKind('map').map((block) => [block.name, new Map(elementsOf(block).map(splitPair))])),
    sets: new Map(ofKind('set').map((block) => [block.name, new Set(elementsOf(block))])),
  };
}

function words(line: string): readonly string[] {
  return line.split(/\s+/);
}

function blocksOf(text: string): readonly Block[] {
  return [...text.matchAll(/^ {2}(chain|map|set) (\S+) \{\n([\s\S]*?)^ {2}\}$/gm)].map(([, kind = '', name = '', body = '']) => ({
    kind,
    name,
    lines: body
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  }));
}

function baseChainOf({ name, lines }: Block): readonly BaseChain[] {
  const found = /^type \w+ hook (\w+) priority (-?\d+); policy accept;$/.exec(lines[0] ?? '');
  return found?.[1] === undefined ? [] : [{ name, hook: found[1], priority: Number(found[2]) }];
}

function elementsOf({ lines }: Block): readonly string[] {
  const first = lines.indexOf('elements = {');
  return first < 0 ? [] : lines.slice(first + 1, lines.lastIndexOf('}')).map((line) => line.replace(/,$/, ''));
}

function splitPair(element: string): [string, string] {
  const [key, value] = element.split(' : ');
  if (key === undefined || value === undefined) throw new Error(`not a map element: ${element}`);
  return [key, value];
}
