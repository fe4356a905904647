import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { MillraceError } from '../core/errors.ts'
import { freePort } from './ports.ts'
import { findProcesses, identityOf, isAlive, signal, untilGone } from './processes.ts'
import { lastLines } from './run.ts'
import type { Health, Launch, Server } from './server.ts'
import { spawnDetached, type SpawnServer } from './spawn.ts'
import { readState, saveState } from './state.ts'

const ATTEMPTS = 5
const RETRY_MS = 300
/** How long a living engine may answer nothing at all. While it says that it is loading it may take for ever. */
const PATIENCE_MS = 10_000
const STOP_MS = 20_000

export interface Running {
  identity: string
  pid: number
  port: number
}

/** The engine that runs on the data already, whoever started it. One that is of no use is stopped first. */
export async function findRunning(server: Server): Promise<Running | undefined> {
  const mark = ` ${server.place.join(' ')} `
  for (const { identity, pid, commandLine } of findProcesses(mark)) {
    const port = Number.parseInt(commandLine.slice(commandLine.indexOf(mark) + mark.length), 10)
    const health = await untilKnown(server, identity, pid, port)
    if (health === 'ready') {
      rememberPort(server, port)
      return { identity, pid, port }
    }
    await stopServer(server, identity)
    if (health === 'denied') saveState(server.stateFile, { password: undefined })
  }
  return undefined
}

/** Starts the engine on its data. Nothing may run on it. */
export async function startServer(
  server: Server,
  spawnServer: SpawnServer = spawnDetached,
): Promise<Running & { launch: Launch }> {
  for (let attempt = 1; ; attempt++) {
    const launch = await server.prepare()
    const port = await freePort(readState(server.stateFile).port)
    const pid = await spawnServer(server, launch, port)
    const identity = identityOf(pid) ?? ''
    const health = await untilKnown(server, identity, pid, port)
    if (health === 'ready') {
      rememberPort(server, port)
      return { identity, pid, port, launch }
    }
    const failure = startFailure(server, health)
    await stopServer(server, identity)
    if (health === 'denied') saveState(server.stateFile, { password: undefined })
    // Another server may have taken the port in between, or the children of a killed one are on their way out.
    if (attempt === ATTEMPTS) throw failure
    await delay(RETRY_MS)
  }
}

/** Stops cleanly, or by force when that takes too long: both engines lose nothing by it. */
export async function stopServer(server: Server, identity: string): Promise<void> {
  const pid = Number.parseInt(identity, 10)
  if (isAlive(identity)) {
    signal(pid, server.stopSignal)
    signal(pid, 'SIGCONT') // a suspended one could not obey
  }
  if (await untilGone(identity, STOP_MS)) return
  if (isAlive(identity)) signal(pid, 'SIGKILL')
  await untilGone(identity, STOP_MS)
}

async function untilKnown(
  server: Server,
  identity: string,
  pid: number,
  port: number,
): Promise<Exclude<Health, 'starting'>> {
  let deadline = Date.now() + PATIENCE_MS
  while (isAlive(identity) && Date.now() < deadline) {
    const health = await server.probe(pid, port)
    if (health === 'ready' || health === 'denied') return health
    if (health === 'starting') deadline = Date.now() + PATIENCE_MS
    await delay(15)
  }
  return 'silent'
}

function rememberPort({ stateFile }: Server, port: number): void {
  if (readState(stateFile).port !== port) saveState(stateFile, { port })
}

function startFailure(server: Server, health: Health): MillraceError {
  const log = existsSync(server.logFile) ? lastLines(readFileSync(server.logFile, 'utf8'), 10) : ''
  const what = health === 'denied' ? 'refuses our password' : 'did not start'
  return new MillraceError(
    'ENGINE_START_FAILED',
    `${server.name} ${what}. The end of ${server.logFile}:\n${log}`,
  )
}
