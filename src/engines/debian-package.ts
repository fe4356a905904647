import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { freshFolder } from './fresh-folder.ts'
import { withLock } from './lock.ts'
import { findOnPath } from './path.ts'
import { run } from './run.ts'

export interface DebianPackage {
  /** For people. */
  software: 'Redis' | 'Valkey' | 'Prometheus'
  names: string[]
  /** Such as `redis-server`, in `usr/bin`. */
  program: string
  /** Whether to look in the release's backports too. */
  backports: boolean
  /** How much is downloaded, about, for people who wait for it. */
  megabytes: number
}

export const REDIS_PACKAGE: DebianPackage = {
  software: 'Redis',
  names: ['redis-server', 'redis-tools'],
  program: 'redis-server',
  backports: false,
  megabytes: 4,
}

export const VALKEY_PACKAGE: DebianPackage = {
  software: 'Valkey',
  names: ['valkey-server', 'valkey-tools'],
  program: 'valkey-server',
  backports: true,
  megabytes: 4,
}

export const PROMETHEUS_PACKAGE: DebianPackage = {
  software: 'Prometheus',
  names: ['prometheus'],
  program: 'prometheus',
  backports: false,
  megabytes: 40,
}

export interface Unpacked {
  file: string
  /** Points the loader to the libraries that were unpacked beside the program. */
  env: NodeJS.ProcessEnv
}

/**
 * A server from the packages of a Debian or Ubuntu, fetched by the machine's own apt (its mirrors, its signatures) and
 * unpacked under `engines`. Nothing is installed and root is not needed. Done once: the next call finds it there.
 * `check` throws when the program doesn't run.
 */
export async function unpackedServer(
  wanted: DebianPackage,
  engines: string,
  path: string | undefined,
  check: (file: string, env: NodeJS.ProcessEnv) => Promise<unknown>,
  onProgress: (line: string) => void,
): Promise<Unpacked> {
  const target = join(engines, wanted.software.toLowerCase())
  const runs = (): Promise<boolean> => {
    const { file, env } = unpackedIn(target, wanted.program)
    return check(file, env).then(
      () => true,
      () => false,
    )
  }
  if (!(await runs())) {
    await withLock(join(engines, 'lock'), async () => {
      if (!(await runs())) await fetchPackage(wanted, target, path, onProgress)
    })
  }
  const unpacked = unpackedIn(target, wanted.program)
  await check(unpacked.file, unpacked.env)
  return unpacked
}

/** Renamed into place as the last step, so that a killed download leaves nothing that looks like an engine. */
async function fetchPackage(
  { software, names, backports, megabytes }: DebianPackage,
  target: string,
  path: string | undefined,
  onProgress: (line: string) => void,
): Promise<void> {
  const work = freshFolder(`${target}.new-`)
  const apt = aptIn(work, path)
  const dpkg = findOnPath('dpkg', path)
  try {
    onProgress(`Fetching ${software}: reading the list of packages (once, about 10 MB) …`)
    await apt('apt-get', 'update')
    const options = backports ? withBackports(work, await apt('apt-get', 'indextargets', ...SOURCES)) : []
    if (backports) await apt('apt-get', ...options, 'update')
    const wanted = [...names, ...librariesIn(await apt('apt-cache', ...options, 'depends', ...names))]
    onProgress(`Fetching ${software}: downloading ${wanted.length} packages (once, about ${megabytes} MB) …`)
    await apt('apt-get', ...options, 'download', ...wanted)
    onProgress(`Fetching ${software}: unpacking …`)
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb'))) {
      await run(dpkg, ['-x', join(work, file), join(work, 'root')], { env: { PATH: path } })
    }
    rmSync(target, { recursive: true, force: true })
    renameSync(join(work, 'root'), target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Runs apt with lists and cache of its own: the machine's belong to root, and may never have been filled. */
function aptIn(work: string, path: string | undefined): (tool: string, ...args: string[]) => Promise<string> {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'root']) {
    mkdirSync(join(work, folder), { recursive: true })
  }
  const options = [
    `-oDir::State::Lists=${work}/lists`,
    `-oDir::Cache=${work}/cache`,
    // As root apt would drop to a user that may not write here.
    ...(process.getuid?.() === 0 ? ['-oAPT::Sandbox::User=root'] : []),
    '-oAcquire::Retries=2',
    '-oAcquire::http::Timeout=20',
    '-oAcquire::Languages=none',
  ]
  const env = { ...process.env, PATH: path, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  return async (tool, ...args) => run(findOnPath(tool, path), [...options, '-q', ...args], { cwd: work, env })
}

/** apt knows its sources by these only once it has their lists. */
const SOURCES = ['--format', '$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)']

/**
 * Options for apt that add the backports of the release to the sources that the machine has, from the same mirror.
 * The keys are those that the machine trusts for every source.
 */
function withBackports(work: string, targets: string): string[] {
  const sources = targets.split('\n').flatMap((line) => {
    const [, uri, release, component] = /^Packages (\S+) (\S+) (\S+)$/.exec(line) ?? []
    return uri && release && component ? [{ uri, release, component }] : []
  })
  // Other suites of a release carry a word more, such as `-updates`.
  const base = sources.find(({ release }) => /^[a-z]+$/.test(release))
  if (!base) throw new Error('apt has no source of a release whose backports could be asked')
  const all = [...sources, { ...base, release: `${base.release}-backports` }]
  const lines = new Set(all.map(({ uri, release, component }) => `deb ${uri} ${release} ${component}\n`))
  const list = join(work, 'sources.list')
  writeFileSync(list, [...lines].join(''))
  return [`-oDir::Etc::SourceList=${list}`, '-oDir::Etc::SourceParts=/dev/null']
}

/**
 * The libraries that the programs link to. They differ from release to release, and may be missing from a slim image;
 * libc stays the machine's own, which everything else here runs on. Those for browsers are of no use without one.
 */
function librariesIn(depends: string): string[] {
  const names = [...depends.matchAll(/^ {2}\|?Depends: ((?:lib|lua)\S+)/gm)].map(([, name]) => name!)
  return [...new Set(names)].filter((name) => name !== 'libc6' && !name.startsWith('libjs-'))
}

function unpackedIn(root: string, program: string): Unpacked {
  const folders = ['usr/lib', 'lib']
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
  const triplets = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.includes('-linux-'))
      .map((name) => join(folder, name)),
  )
  return { file: join(root, 'usr/bin', program), env: { LD_LIBRARY_PATH: triplets.join(delimiter) } }
}
