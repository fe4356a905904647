import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

import { EnginesError, reasonOf } from './errors.ts'
import type { Launch, Server } from './server.ts'

/** Starts the server's process; resolves with its pid. */
export type SpawnServer = (server: Server, launch: Launch, port: number) => Promise<number>

export const commandLine = (server: Server, launch: Launch, port: number): string[] => [
  launch.file,
  ...server.place,
  String(port),
  ...launch.args,
]

/** Starts what outlives us. */
export const spawnDetached: SpawnServer = async (server, launch, port) => {
  const log = openSync(server.logFile, 'w', 0o600)
  const child = await spawned(server, launch, commandLine(server, launch, port), ['ignore', log, log])
  closeSync(log)
  return child.pid!
}

/**
 * In a session of its own, so that Ctrl-C in the terminal reaches the service alone, which still needs its engine to
 * finish; and with hardly an environment, since our secrets are none of an engine's business.
 */
export async function spawned(
  server: Server,
  launch: Launch,
  [file, ...args]: string[],
  stdio: StdioOptions,
): Promise<ChildProcess> {
  const child = spawn(file!, args, {
    cwd: server.dataDir,
    detached: true,
    stdio,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...launch.env },
    ...launch.account,
  })
  child.unref()
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => {
      reject(new EnginesError('START_FAILED', `${file}: ${reasonOf(error)}`, { cause: error }))
    })
  })
  return child
}
