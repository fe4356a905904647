import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { json, text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const USAGE = new URL('usage.mjs', import.meta.url).href

export interface CommandRun {
  /** From the start of the process to its end. */
  seconds: number
  cpuSeconds: number
  /** The most that was ever resident, in MB. */
  peakMb: number
  /** How many rows it answered. */
  rows: number
}

/** Runs a command line as its user does, with `--json`. */
export async function runCommand(redis: string, words: readonly string[]): Promise<CommandRun> {
  const began = performance.now()
  const child = spawn(process.execPath, ['--import', USAGE, MAIN, ...words, '--redis', redis, '--json'], {
    // In a folder without a `.env`, which would be read.
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  })
  const [usage, output] = await Promise.all([
    json(child.stdio[3] as Readable) as Promise<Pick<CommandRun, 'cpuSeconds' | 'peakMb'>>,
    text(child.stdout!),
    child.exitCode ?? once(child, 'exit'),
  ])
  const seconds = (performance.now() - began) / 1_000
  if (child.exitCode !== 0) throw new Error(`millrace ${words.join(' ')} ended with ${child.exitCode}`)
  return { seconds, ...usage, rows: (JSON.parse(output) as unknown[]).length }
}
