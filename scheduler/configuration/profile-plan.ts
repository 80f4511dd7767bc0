/**
 * Which plugins a profile has at which extension point, in which order: the default ones, with what the profile enables and disables for all
 * points (`multiPoint`) and for single ones. Source: upstream's default_plugins.go (mergePluginSet) and expandMultiPointPlugins.
 */
import { duplicate, invalidValue, notFoundValue, notSupported } from '#api/meta/field-path.ts';
import { type PluginDeps, type PluginEntry, type PluginFactory, plugins } from '../plugins/index.ts';
import { atEachPoint, type ExtensionPoint, type Profile } from '../profile.ts';
import { createFieldReader, type FieldReader } from './field-reader.ts';

export interface ProfilePlan {
  readonly schedulerName: string;
  readonly percentageOfNodesToScore?: number;
  readonly points: Readonly<Record<ExtensionPoint, readonly PlannedPlugin[]>>;
  readonly factories: ReadonlyMap<string, PluginFactory>;
}

export interface PlannedPlugin {
  readonly name: string;
  readonly weight: number;
}

interface PluginSet {
  readonly enabled: readonly PlannedPlugin[];
  readonly disabled: ReadonlySet<string>;
}

const ALL = '*';
const WEIGHT_MAX = 2 ** 31 - 1;
const byName = new Map(plugins.map((entry) => [entry.name, entry]));

/** `reader` is at the profile; what is wrong with its plugins and their arguments is reported there. */
export function planProfile(schedulerName: string, percentageOfNodesToScore: number | undefined, reader: FieldReader): ProfilePlan {
  const sets = reader.child('plugins');
  const multiPoint = mergeDefaults(readPluginSet(sets, 'multiPoint'));
  const at = (point: ExtensionPoint) => expandPoint(point, multiPoint, readPluginSet(sets, point, point));
  const points: ProfilePlan['points'] = atEachPoint(at);
  sets?.finish();
  if (points.bind.length === 0) reader.report(invalidValue(reader.pathOf('plugins.bind'), [], 'at least one bind plugin is needed'));
  if (points.queueSort.length !== 1) {
    const names = points.queueSort.map(({ name }) => name);
    reader.report(invalidValue(reader.pathOf('plugins.queueSort'), names, 'only one queue sort plugin can be enabled'));
  }
  const percentage = percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore };
  return { schedulerName, ...percentage, points, factories: readFactories(reader) };
}

export function createProfile({ schedulerName, percentageOfNodesToScore, points, factories }: ProfilePlan, deps: PluginDeps): Profile {
  const made = new Map([...factories].map(([name, create]) => [name, create(deps)]));
  const at = (point: ExtensionPoint) =>
    points[point].flatMap(({ name, weight }) => {
      const plugin = made.get(name);
      return plugin === undefined ? [] : [{ plugin, weight }];
    });
  return {
    schedulerName,
    ...(percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore }),
    points: atEachPoint(at),
  };
}

/** Of a point, only plugins that take part in it may be enabled there. */
function readPluginSet(sets: FieldReader | undefined, name: string, point?: ExtensionPoint): PluginSet {
  const set = sets?.child(name);
  if (set === undefined) return { enabled: [], disabled: new Set() };
  const enabled = set.children('enabled').map((one) => readPlugin(one, point));
  const names = enabled.map((one) => one.name);
  for (const repeated of names.filter((one, index) => names.indexOf(one) < index)) set.report(duplicate(set.pathOf('enabled'), repeated));
  const disabled = new Set(set.children('disabled').map((one) => readPlugin(one, undefined, [ALL]).name));
  set.finish();
  return { enabled, disabled };
}

function readPlugin(reader: FieldReader, point?: ExtensionPoint, alsoAllowed: readonly string[] = []): PlannedPlugin {
  const name = reader.text('name');
  const weight = reader.integer('weight', { min: 0, max: WEIGHT_MAX, otherwise: 'must be a whole number from 0' });
  reader.finish();
  const entry = byName.get(name);
  if (entry === undefined && name !== '' && !alsoAllowed.includes(name)) reader.report(notFoundValue(reader.pathOf('name'), name));
  if (entry !== undefined && point !== undefined && !entry.points.includes(point)) {
    reader.report(notSupported(reader.pathOf('name'), `${name} at ${point}`, entry.points));
  }
  return { name, weight: weight === undefined || weight === 0 ? 1 : weight };
}

/** A default plugin that is enabled again keeps its place and takes the new weight. */
function mergeDefaults({ enabled, disabled }: PluginSet): readonly PlannedPlugin[] {
  const custom = new Map(enabled.map((one) => [one.name, one]));
  const defaults = disabled.has(ALL) ? [] : plugins.filter(({ name }) => !disabled.has(name));
  const names = new Set(defaults.map(({ name }) => name));
  return [...defaults.map(({ name, weight }) => custom.get(name) ?? { name, weight }), ...enabled.filter(({ name }) => !names.has(name))];
}

/** First what is enabled here and for all points, in the order given here; then the rest of all points; then the rest of here. */
function expandPoint(
  point: ExtensionPoint,
  multiPoint: readonly PlannedPlugin[],
  { enabled, disabled }: PluginSet,
): readonly PlannedPlugin[] {
  const here = new Set(enabled.map(({ name }) => name));
  const everywhere = new Set(multiPoint.map(({ name }) => name));
  const takesPart = ({ name }: PlannedPlugin): boolean => byName.get(name)?.points.includes(point) === true;
  const isLeftOut = ({ name }: PlannedPlugin): boolean => here.has(name) || disabled.has(name) || disabled.has(ALL);
  return [
    ...enabled.filter(({ name }) => everywhere.has(name)),
    ...multiPoint.filter((one) => takesPart(one) && !isLeftOut(one)),
    ...enabled.filter(({ name }) => !everywhere.has(name)),
  ];
}

/** Every plugin with the arguments that `pluginConfig` has for it. */
function readFactories(reader: FieldReader): ReadonlyMap<string, PluginFactory> {
  const configs = new Map<string, FieldReader>();
  for (const config of reader.children('pluginConfig')) {
    const name = config.text('name');
    if (configs.has(name)) config.report(duplicate(config.pathOf('name'), name));
    if (name !== '' && !byName.has(name)) config.report(notFoundValue(config.pathOf('name'), name));
    configs.set(name, config);
  }
  return new Map(plugins.map((entry) => [entry.name, configure(entry, configs.get(entry.name))]));
}

function configure(entry: PluginEntry, config: FieldReader | undefined): PluginFactory {
  const args = config?.child('args') ?? createFieldReader({}, '', []);
  const kind = args.text('kind', '');
  if (kind !== '' && kind !== `${entry.name}Args`) args.report(notSupported(args.pathOf('kind'), kind, [`${entry.name}Args`]));
  args.text('apiVersion', '');
  const factory = entry.configure(args);
  args.finish();
  config?.finish();
  return factory;
}
