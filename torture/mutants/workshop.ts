import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Report } from '../checker/report.ts'
import type { Trial } from './trials.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COPIED = ['src', 'torture', 'package.json', 'tsconfig.json']
/** Installed packages, and the programs of the servers. */
const LINKED = ['node_modules', '.millrace']
/** A run that does not end is broken; one whose workers stand still waits for them before it says so. */
const RUN_MS = 300_000

const fileOf = (patch: string): string => join(import.meta.dirname, 'patches', `${patch}.patch`)

/**
 * Applies a patch to a copy of the source, or only tries to.
 *
 * @throws Error that names the patch which does not fit the source any more
 */
export function applyPatch(patch: string, folder: string, { dryRun = false } = {}): void {
  const args = ['apply', ...(dryRun ? ['--check'] : []), fileOf(patch)]
  // A copy is in no repository; where the folder of temporary files is in one, that one is not meant.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(folder) }
  try {
    execFileSync('git', args, { cwd: folder, env, stdio: 'pipe' })
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: Buffer }
    throw new Error(`the patch ${patch} does not apply any more: ${String(stderr) || message}`, {
      cause: error,
    })
  }
}

/** A copy of the source in which a mutant can be tried. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-mutant-'))

  constructor(mutant?: string) {
    const filter = (path: string) => !path.endsWith('.test.ts')
    for (const name of COPIED) cpSync(join(ROOT, name), join(this.folder, name), { recursive: true, filter })
    for (const name of LINKED)
      if (existsSync(join(ROOT, name))) symlinkSync(join(ROOT, name), join(this.folder, name))
    if (mutant !== undefined) applyPatch(mutant, this.folder)
  }

  /**
   * Runs the torture of the copy.
   *
   * @throws Error with the end of its output where it did not come to a verdict
   */
  async torture({ topology, faults, seconds, rate }: Trial, seed: number): Promise<Report> {
    const report = join(this.folder, 'report.json')
    const log = join(this.folder, 'torture.log')
    const options = { topology, faults: faults.join(','), seconds, rate, seed, json: report }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
    const output = openSync(log, 'a')
    const child = spawn(process.execPath, ['--import', 'tsx', 'torture/main.ts', ...args], {
      cwd: this.folder,
      stdio: ['ignore', output, output],
      timeout: RUN_MS,
    })
    closeSync(output)
    const end = () => child.kill()
    process.once('exit', end)
    const [code] = (await once(child, 'exit')) as [number | null]
    process.off('exit', end)
    // A crash ends with 1 as well, but without a report.
    if (!existsSync(report))
      throw new Error(`the torture broke down (${code}):\n${readFileSync(log, 'utf8').slice(-2_000)}`)
    return JSON.parse(readFileSync(report, 'utf8')) as Report
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
