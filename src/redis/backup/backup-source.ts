import type { BackupRecord, BackupSource, ReadFrom, StreamChoice } from '../../core/backup.ts'
import type { Connection } from '../connection.ts'
import { PatientConnection } from '../connections/patient.ts'
import { deadLetterKey } from '../keys.ts'
import { actionsKey } from '../operations/action-record.ts'
import { BackupHold } from './backup-hold.ts'
import { chooseStreams, scanKeys } from './stream-names.ts'
import { StreamReading } from './stream-reading.ts'

/** So long a server that is away is waited for. */
const PATIENCE_MS = 30_000

/** Reads streams of Redis. */
export class RedisBackupSource implements BackupSource {
  readonly #connection: PatientConnection
  /** The groups that were found for a run: one look for all of its streams. */
  #found: { run: string; states: Promise<Map<string, string[]>> } | undefined

  /** @param connection one that nobody blocks; whoever opened it closes it */
  constructor(connection: Connection) {
    this.#connection = new PatientConnection(connection, PATIENCE_MS)
  }

  choose(choice: StreamChoice): Promise<string[]> {
    return chooseStreams(this.#connection, choice)
  }

  async count(streams: readonly string[]): Promise<number> {
    let sum = 0
    for (const stream of streams) {
      const lengths = await Promise.all(
        [stream, deadLetterKey(stream), actionsKey(stream)].map((key) =>
          this.#connection.send<number>(['XLEN', key]),
        ),
      )
      for (const length of lengths) sum += length
    }
    return sum
  }

  async *read(
    stream: string,
    name: string,
    signal: AbortSignal,
    from?: ReadFrom,
  ): AsyncGenerator<readonly BackupRecord[]> {
    const reading = new StreamReading(this.#connection, stream, await this.#statesFor(name))
    const hold = await BackupHold.begin(this.#connection, stream, name)
    try {
      for await (const page of reading.pages(from)) {
        if (signal.aborted) return
        yield page
      }
    } finally {
      await hold.end()
    }
  }

  /** The groups of which a state is left, by the prefix of the stream: one that is gone may come again. */
  #statesFor(run: string): Promise<Map<string, string[]>> {
    if (this.#found?.run === run) return this.#found.states
    const found = { run, states: this.#findStates() }
    this.#found = found
    found.states.catch(() => (this.#found = undefined))
    return found.states
  }

  async #findStates(): Promise<Map<string, string[]>> {
    const states = new Map<string, string[]>()
    for await (const key of scanKeys(this.#connection, 'MATCH', '*group:*', 'TYPE', 'hash')) {
      const [, prefix, encoded] = /^(.*)group:([^:]*)$/s.exec(key.toString()) ?? []
      if (prefix !== undefined) states.set(prefix, [...(states.get(prefix) ?? []), encoded!])
    }
    return states
  }
}
