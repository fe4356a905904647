import type { Account } from './account.ts'

/**
 * ready: answers, and is the process we mean. starting: up, but still loading or recovering, so keep waiting.
 * silent: nothing of ours answers. denied: it refuses our password or lacks our database.
 */
export type Health = 'ready' | 'starting' | 'silent' | 'denied'

export interface Launch {
  file: string
  /** What follows the server's `place` and the port. */
  args: string[]
  env: NodeJS.ProcessEnv
  /** The account to run as, where it is not our own. */
  account?: Account | undefined
  origin: 'path' | 'package' | 'embedded'
  /** Name and version for people. */
  software: string
}

/** What the life cycle needs to know of one kind of engine; the rest of `engines/` is the same for all. */
export interface Server {
  name: 'Redis' | 'PostgreSQL'
  dataDir: string
  logFile: string
  stateFile: string
  /**
   * The first arguments of its command line, which the port follows. They name the data, so that the process that runs
   * on it is found in the process table whatever became of our files: two servers on one data folder would ruin it.
   */
  place: string[]
  /** Asks for a clean stop that does not wait for clients. */
  stopSignal: NodeJS.Signals
  /** Finds the programs and readies the data. Called only when none runs on it. */
  prepare(): Promise<Launch>
  probe(pid: number, port: number): Promise<Health>
  url(port: number): string
}
