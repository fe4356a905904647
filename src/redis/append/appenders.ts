import { durabilityIssues } from '../../core/durability.ts'
import { InvalidError, type MillraceError } from '../../core/errors.ts'
import type { Durability, NewEntry } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { closedError } from '../errors.ts'
import { Appender, type AppendOptions } from './appender.ts'

export interface AppendersOptions extends AppendOptions {
  /** What counts as written where a publish says nothing else. Unset, what the master has. */
  durability?: Durability
}

/**
 * Writes entries: those that wait for replicas on a connection of their own, made for the first of them, since
 * everything behind it on the same one would wait as well. What is waited for keeps its order, and so does what is not;
 * each has the bounds of the queue for itself.
 */
export class Appenders {
  readonly #plain: Appender
  readonly #connect: () => Connection
  readonly #options: AppendersOptions
  #durable: { readonly appender: Appender; readonly connection: Connection } | undefined
  #closed = false

  /**
   * @param connect makes the connection for what waits for replicas; it is closed with this
   * @throws InvalidError `CONFIGURATION_INVALID` for a durability that makes no sense
   */
  constructor(connection: Connection, connect: () => Connection, options: AppendersOptions) {
    const issues = options.durability ? durabilityIssues(options.durability) : []
    if (issues.length > 0)
      throw new InvalidError('CONFIGURATION_INVALID', 'the durability is not valid', issues)
    this.#plain = new Appender(connection, options)
    this.#connect = connect
    this.#options = options
  }

  append(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    const { durability } = this.#options
    const marked = durability ? entries.map((entry) => ({ durability, ...entry })) : entries
    if (marked.every((entry) => entry.durability === undefined)) return this.#plain.append(stream, marked)
    return this.#appendMixed(stream, marked)
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#plain.idle(), this.#durable?.appender.idle()])
    await this.#durable?.connection.close()
  }

  async #appendMixed(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    const waits = ({ durability }: NewEntry) => durability !== undefined
    const [sure, quick] = await Promise.all([
      this.#appendDurable(
        stream,
        entries.filter((entry) => waits(entry)),
      ),
      this.#plain.append(
        stream,
        entries.filter((entry) => !waits(entry)),
      ),
    ])
    const [nextSure, nextQuick] = [sure.values(), quick.values()]
    return entries.map((entry) => (waits(entry) ? nextSure : nextQuick).next().value!)
  }

  #appendDurable(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    if (this.#closed) return Promise.resolve(entries.map(closedError))
    if (!this.#durable) {
      const connection = this.#connect()
      this.#durable = { connection, appender: new Appender(connection, this.#options) }
    }
    return this.#durable.appender.append(stream, entries)
  }
}
