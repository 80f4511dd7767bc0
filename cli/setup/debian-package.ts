/**
 * Programs out of Debian's packages. `installPackages` uses the machine's own sources, as root. `extractFromPackage` takes one file out of
 * a package of a newer release without installing it: a list of sources of our own, in a folder of our own, leaves the machine's as
 * they are and needs no root.
 */
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run, runOrThrow } from '../process.ts';
import { stateDirectory } from '../project.ts';

/** Debian 13, and the one that is always in the making. What we take out of them needs nothing that Debian 12's libc does not have. */
export type Release = 'trixie' | 'sid';
const MIRROR = process.env.KEELSON_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
const SYSTEM_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const NO_QUESTIONS = { DEBIAN_FRONTEND: 'noninteractive' };

export async function installPackages(names: readonly string[]): Promise<void> {
  // The lists of a fresh machine are empty or old. One unreachable third-party source must not stop us: install will tell.
  await run('apt-get', ['update', '--quiet'], { environment: NO_QUESTIONS });
  await runOrThrow('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', ...names], { environment: NO_QUESTIONS });
}

export interface PackagedFile {
  readonly packageName: string;
  readonly release: Release;
  /** Its place within the package; may have wildcards. */
  readonly path: string;
  /** Where it goes, executable. Written whole or not at all. */
  readonly target: string;
}

export async function extractFromPackage({ packageName, release, path, target }: PackagedFile): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'keelson-package-'));
  try {
    const options = await updateOwnSources(work, release);
    await runOrThrow('apt-get', [...options, 'download', `${packageName}/${release}`], { cwd: work });
    const [archive = ''] = globSync('*.deb', { cwd: work });
    await runOrThrow('dpkg-deb', ['--extract', join(work, archive), join(work, 'content')]);
    const [file] = globSync(path, { cwd: join(work, 'content') });
    if (file === undefined) throw new Error(`the package ${packageName} has no ${path}`);
    placeExecutable(join(work, 'content', file), target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Gives the options that make apt use our sources; they are up to date when this resolves. */
async function updateOwnSources(work: string, release: Release): Promise<readonly string[]> {
  const lists = join(stateDirectory, 'apt-lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  const options = [
    ...['-o', `Dir::Etc::sourcelist=${join(work, 'sources.list')}`],
    ...['-o', 'Dir::Etc::sourceparts=-'],
    ...['-o', `Dir::State::lists=${lists}`],
    ...['-o', `Dir::Cache=${join(work, 'cache')}`],
    // apt would drop to a user who may not read a folder that is only ours.
    ...['-o', 'APT::Sandbox::User=root'],
    ...['-o', 'APT::Update::Error-Mode=any'],
  ];
  mkdirSync(join(work, 'cache', 'archives', 'partial'), { recursive: true });
  const update = async (keyring: string) => {
    writeFileSync(join(work, 'sources.list'), `deb [signed-by=${keyring}] ${MIRROR} ${release} main\n`);
    return run('apt-get', [...options, 'update', '--quiet']);
  };
  const first = await update(SYSTEM_KEYRING);
  if (first.exitCode === 0) return options;
  // Most likely keys from before that release. The machine's own release has newer ones, signed by keys the machine trusts.
  const second = await update(await newerKeyring(work));
  if (second.exitCode !== 0)
    throw new Error(`reading Debian's package list failed\n  ${second.stderr.trim().split('\n').slice(-4).join('\n  ')}`);
  return options;
}

async function newerKeyring(work: string): Promise<string> {
  const folder = join(work, 'keyring');
  mkdirSync(folder);
  const downloaded = await run('apt-get', ['download', 'debian-archive-keyring'], { cwd: folder });
  const [archive] = globSync('*.deb', { cwd: folder });
  if (downloaded.exitCode !== 0 || archive === undefined) return SYSTEM_KEYRING;
  await runOrThrow('dpkg-deb', ['--extract', join(folder, archive), folder]);
  const [keyring] = globSync('usr/share/keyrings/debian-archive-keyring.{gpg,pgp}', { cwd: folder });
  return keyring === undefined ? SYSTEM_KEYRING : join(folder, keyring);
}

function placeExecutable(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  const beside = `${target}.new`;
  if (existsSync(beside)) rmSync(beside);
  copyFileSync(source, beside);
  chmodSync(beside, 0o755);
  renameSync(beside, target);
}
