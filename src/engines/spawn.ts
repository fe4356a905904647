import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

import { MillraceError, toError } from '../core/errors.ts'
import type { Launch, Server } from './server.ts'

/** Starts the server's process; resolves with its pid. */
export type SpawnServer = (server: Server, launch: Launch, port: number) => Promise<number>

export const commandLine = (server: Server, launch: Launch, port: number): string[] => [
  launch.file,
  ...server.place,
  String(port),
  ...launch.args,
]

/**
 * Becomes the server only if we are still there. A child that has been forked but does not yet run its program can't be
 * found in the process table: if we were killed in that moment, our successor would start a second server on the data.
 * The shell's command line has it all, so the server is either found or never comes to be.
 */
const IF_WE_LIVE = '[ "$PPID" = "$0" ] && exec "$@"'

/** Starts what outlives us. */
export const spawnDetached: SpawnServer = async (server, launch, port) => {
  const log = openSync(server.logFile, 'w', 0o600)
  const command = ['/bin/sh', '-c', IF_WE_LIVE, String(process.pid), ...commandLine(server, launch, port)]
  try {
    return (await spawned(server, launch, command, ['ignore', log, log])).pid!
  } finally {
    closeSync(log)
  }
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
      reject(new MillraceError('ENGINE_START_FAILED', `${file}: ${toError(error).message}`, { cause: error }))
    })
  })
  return child
}
