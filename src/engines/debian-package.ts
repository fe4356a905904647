import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { freshFolder } from './fresh-folder.ts'
import { withLock } from './lock.ts'
import { findOnPath } from './path.ts'
import { run } from './run.ts'

const PACKAGES = ['redis-server', 'redis-tools']

export interface Unpacked {
  file: string
  /** Points the loader to the libraries that were unpacked beside the program. */
  env: NodeJS.ProcessEnv
}

/**
 * Redis from the package of a Debian or Ubuntu, fetched by the machine's own apt (its mirrors, its signatures) and
 * unpacked under `engines`. Nothing is installed and root is not needed. Done once: the next call finds it there.
 * `check` throws when the program doesn't run.
 */
export async function unpackedRedis(
  engines: string,
  path: string | undefined,
  check: (file: string, env: NodeJS.ProcessEnv) => Promise<unknown>,
  onProgress: (line: string) => void,
): Promise<Unpacked> {
  const target = join(engines, 'redis')
  const runs = (): Promise<boolean> => {
    const { file, env } = unpackedIn(target)
    return check(file, env).then(
      () => true,
      () => false,
    )
  }
  if (!(await runs())) {
    await withLock(join(engines, 'lock'), async () => {
      if (!(await runs())) await fetchPackage(target, path, onProgress)
    })
  }
  const unpacked = unpackedIn(target)
  await check(unpacked.file, unpacked.env)
  return unpacked
}

/** Renamed into place as the last step, so that a killed download leaves nothing that looks like an engine. */
async function fetchPackage(
  target: string,
  path: string | undefined,
  onProgress: (line: string) => void,
): Promise<void> {
  const work = freshFolder(`${target}.new-`)
  const apt = aptIn(work, path)
  const dpkg = findOnPath('dpkg', path)
  try {
    onProgress('Fetching Redis: reading the list of packages (once, about 10 MB) …')
    await apt('apt-get', 'update')
    const names = [...PACKAGES, ...librariesIn(await apt('apt-cache', 'depends', ...PACKAGES))]
    onProgress(`Fetching Redis: downloading ${names.length} packages (once, about 4 MB) …`)
    await apt('apt-get', 'download', ...names)
    onProgress('Fetching Redis: unpacking …')
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

/**
 * The libraries that the programs link to. They differ from release to release, and may be missing from a slim image;
 * libc stays the machine's own, which everything else here runs on.
 */
function librariesIn(depends: string): string[] {
  const names = [...depends.matchAll(/^ {2}\|?Depends: ((?:lib|lua)\S+)/gm)].map(([, name]) => name!)
  return [...new Set(names)].filter((name) => name !== 'libc6')
}

function unpackedIn(root: string): Unpacked {
  const folders = ['usr/lib', 'lib']
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
  const triplets = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.includes('-linux-'))
      .map((name) => join(folder, name)),
  )
  return { file: join(root, 'usr/bin/redis-server'), env: { LD_LIBRARY_PATH: triplets.join(delimiter) } }
}
