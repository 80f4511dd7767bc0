/**
 * The scheduler's configuration file: upstream's `KubeSchedulerConfiguration` of `kubescheduler.config.k8s.io/v1`, in YAML or JSON. All that is
 * wrong with it is reported together, before anything is started. Source: https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/
 */
import { parse } from 'yaml';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '#api/meta/field-path.ts';
import { isJsonObject, type Json } from '#api/meta/json.ts';
import type { FieldProblem } from '#api/meta/status.ts';
import { DEFAULT_SCHEDULER_NAME } from '../profile.ts';
import { createFieldReader, type FieldReader } from './field-reader.ts';
import { type ProfilePlan, planProfile } from './profile-plan.ts';

const API_VERSION = 'kubescheduler.config.k8s.io/v1';
const KIND = 'KubeSchedulerConfiguration';
const INT32_MAX = 2 ** 31 - 1;

export interface SchedulerConfiguration {
  readonly profiles: readonly [ProfilePlan, ...ProfilePlan[]];
  /** How long a pod that got no node is left alone: the first time, doubling, and at most. */
  readonly backOffMs: { readonly min: number; readonly max: number };
  /** Fields that mean nothing here, with what is to be done instead. */
  readonly warnings: readonly string[];
}

/** What upstream's file says about the process, and where it is said here. */
const elsewhere: Readonly<Record<string, string>> = {
  clientConnection: 'the connection is configured by KEELSON_SERVER, KEELSON_CA, KEELSON_CERT and KEELSON_KEY',
  leaderElection: 'the lease is always kube-system/kube-scheduler',
  parallelism: 'a cycle is computed in one thread',
  enableProfiling: 'there is no profiling endpoint',
  enableContentionProfiling: 'there is no profiling endpoint',
  delayCacheUntilActive: 'the caches are always filled, so that a stand-by takes over at once',
};

/** What is there without a file. */
export function defaultConfiguration(): SchedulerConfiguration {
  return parseConfiguration(`{apiVersion: ${API_VERSION}, kind: ${KIND}}`);
}

/** Throws one Error that names every problem, with its path. */
export function parseConfiguration(text: string): SchedulerConfiguration {
  const problems: FieldProblem[] = [];
  const value = parseDocument(text);
  const reader = createFieldReader(value, '', problems);
  checkVersion(reader);
  const warnings = Object.entries(elsewhere).flatMap(([name, why]) =>
    reader.raw(name) === undefined ? [] : [`${name} is ignored: ${why}`],
  );
  if (reader.children('extenders').length > 0) {
    reader.report(
      forbiddenField('extenders', 'there are none here: remove them, and let scheduling gates or another scheduler do what they did'),
    );
  }
  const backOffMs = readBackOff(reader);
  const profiles = readProfiles(reader);
  reader.finish();
  const [first, ...others] = profiles;
  if (problems.length > 0 || first === undefined) throw new Error(`configuration of the scheduler:\n${problems.map(describe).join('\n')}`);
  return { profiles: [first, ...others], backOffMs, warnings };
}

function describe({ field, message }: FieldProblem): string {
  return `  ${field}: ${message}`;
}

function parseDocument(text: string) {
  let value: Json;
  try {
    value = parse(text);
  } catch (error) {
    throw new Error(`configuration of the scheduler: not YAML: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (!isJsonObject(value))
    throw new Error(`configuration of the scheduler: it must be an object with apiVersion ${API_VERSION} and kind ${KIND}`);
  return value;
}

function checkVersion(reader: FieldReader): void {
  const [apiVersion, kind] = [reader.text('apiVersion'), reader.text('kind')];
  if (apiVersion !== '' && apiVersion !== API_VERSION) reader.report(notSupported('apiVersion', apiVersion, [API_VERSION]));
  if (kind !== '' && kind !== KIND) reader.report(notSupported('kind', kind, [KIND]));
}

function readBackOff(reader: FieldReader) {
  const positive = { min: 1, max: INT32_MAX, otherwise: 'must be greater than 0' };
  const min = reader.integer('podInitialBackoffSeconds', positive) ?? 1;
  const max = reader.integer('podMaxBackoffSeconds', positive) ?? 10;
  if (max < min) reader.report(invalidValue('podMaxBackoffSeconds', max, 'must be greater than or equal to PodInitialBackoffSeconds'));
  return { min: min * 1_000, max: max * 1_000 };
}

function readProfiles(reader: FieldReader): readonly ProfilePlan[] {
  const percentage = readPercentage(reader);
  if (reader.raw('profiles') === undefined) {
    return [planProfile(DEFAULT_SCHEDULER_NAME, percentage, createFieldReader({}, 'profiles[0]', []))];
  }
  const readers = reader.children('profiles');
  if (readers.length === 0) reader.report(required('profiles'));
  const profiles = readers.map((one) => {
    // A single profile may leave its name out.
    const schedulerName = one.text('schedulerName', readers.length === 1 ? DEFAULT_SCHEDULER_NAME : undefined);
    const plan = planProfile(schedulerName, readPercentage(one) ?? percentage, one);
    one.finish();
    return plan;
  });
  profiles.forEach((profile, index) => {
    const [path, first] = [`profiles[${index}]`, profiles[0]];
    if (profiles.findIndex(({ schedulerName }) => schedulerName === profile.schedulerName) < index) {
      reader.report(duplicate(`${path}.schedulerName`, profile.schedulerName));
    }
    if (sortersOf(profile) !== sortersOf(first)) {
      reader.report(invalidValue(`${path}.plugins.queueSort`, sortersOf(profile), 'queueSort plugins must be the same for all profiles'));
    }
  });
  return profiles;
}

function sortersOf(profile: ProfilePlan | undefined): string {
  return (profile?.points.queueSort ?? []).map(({ name }) => name).join();
}

/** Undefined where it is to be worked out from the size of the cluster. */
function readPercentage(reader: FieldReader): number | undefined {
  const percentage = reader.integer('percentageOfNodesToScore', { min: 0, max: 100, otherwise: 'not in valid range [0-100]' });
  return percentage === 0 ? undefined : percentage;
}
