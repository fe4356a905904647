import { durabilityIssues } from '../../core/durability.ts'
import { InvalidError, type MillraceError } from '../../core/errors.ts'
import type { Durability, NewEntry } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { Appender, type AppendOptions } from './appender.ts'

export interface AppendersOptions extends AppendOptions {
  /** What counts as written where a publish says nothing else. Unset, what the master has. */
  durability?: Durability
}

/**
 * Writes entries: those that wait for replicas on a connection of their own, opened by the first of them, since
 * everything behind it on the same one would wait as well. What is waited for keeps its order, and so does what is not.
 */
export class Appenders {
  readonly #plain: Appender
  readonly #connect: () => Promise<Connection>
  readonly #options: AppendersOptions
  #durable: Promise<{ appender: Appender; connection: Connection }> | undefined

  /**
   * @param connect opens the connection for what waits for replicas; it is closed with this
   * @throws InvalidError `CONFIGURATION_INVALID` for a durability that makes no sense
   */
  constructor(connection: Connection, connect: () => Promise<Connection>, options: AppendersOptions) {
    const issues = options.durability ? durabilityIssues(options.durability) : []
    if (issues.length > 0)
      throw new InvalidError('CONFIGURATION_INVALID', 'the durability is not valid', issues)
    this.#plain = new Appender(connection, options)
    this.#connect = connect
    this.#options = options
  }

  append(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    const { durability } = this.#options
    if (durability)
      return this.#appendMixed(
        stream,
        entries.map((entry) => ({ durability, ...entry })),
      )
    if (entries.every((entry) => entry.durability === undefined)) return this.#plain.append(stream, entries)
    return this.#appendMixed(stream, entries)
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    const durable = await this.#durable?.catch(() => undefined)
    await Promise.all([this.#plain.idle(), durable?.appender.idle()])
    await durable?.connection.close()
  }

  async #appendMixed(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    const [plain, durable] = [false, true].map((waits) =>
      entries.filter(({ durability }) => (durability !== undefined) === waits),
    ) as [NewEntry[], NewEntry[]]
    const [quick, sure] = await Promise.all([
      this.#plain.append(stream, plain),
      this.#openDurable().then(
        ({ appender }) => appender.append(stream, durable),
        (error: MillraceError) => durable.map(() => error),
      ),
    ])
    const [nextQuick, nextSure] = [quick.values(), sure.values()]
    return entries.map(({ durability }) => (durability === undefined ? nextQuick : nextSure).next().value!)
  }

  #openDurable(): Promise<{ appender: Appender; connection: Connection }> {
    this.#durable ??= this.#connect().then(
      (connection) => ({ connection, appender: new Appender(connection, this.#options) }),
      (error: unknown) => {
        this.#durable = undefined
        throw error
      },
    )
    return this.#durable
  }
}
