/** One race of one contender over a stream or queue of its own. */
export interface Round {
  /** The name of the stream or queue; no other round has it. */
  name: string
  count: number
  /** Where a backup goes that is wanted afterwards; else it is gone after the round. */
  file?: string
}

/** What a round took. */
export interface Effort {
  seconds: number
  /** Processor time of the contender's process. */
  cpuSeconds: number
  /** By how much its resident memory was ever larger than before the first round, in MB. */
  growthMb: number
}

/**
 * One way to do the work of a scenario. Each contender has a process of its own through all rounds, so that none pays
 * for the garbage, the sockets or the de-optimised code of another.
 */
export interface Contender {
  /** Ahead of the clock, such as filling the stream that is about to be read. */
  prepare?(round: Round): Promise<void>
  /** What is timed. Resolves when all `count` events are done. */
  run(round: Round): Promise<void>
  /** Behind the clock: checks the work, and closes what `run` opened. */
  finish?(round: Round): Promise<void>
}

/** The servers of a run, which all contenders share. */
export interface Servers {
  redis: string
  postgres?: string
}

/** The default export of a contender's module. */
export type StartContender = (servers: Servers) => Promise<Contender>
