import { correlationId } from '../core/correlation.ts'
import { InvalidError } from '../core/errors.ts'
import type { Log } from '../core/service.ts'
import { synchronousDestination, type Destination } from './destination.ts'
import { jsonRenderer, LOG_LEVELS, textRenderer, type LogLevel, type Render } from './line.ts'
import { PersonalFields } from './personal-fields.ts'
import { presentable, presentText } from './redact.ts'

export type { LogLevel } from './line.ts'

const STDOUT = 1

export interface LoggerOptions {
  /** The least important lines to write. */
  level: LogLevel
  format: 'text' | 'json'
  /** Service and environment stand in every line of JSON. */
  service: string
  environment: string
  /**
   * Fields with personal data, which are masked: names (`email`) wherever they stand, and paths (`user.phone`) from
   * whatever has the first of their names.
   */
  redactFields?: readonly string[]
  /** Standard output unless told otherwise. */
  destination?: Destination
}

/** A log of one context, with all levels. */
export type ContextLog = Log & Record<LogLevel, (fields: object, message: string) => void>

export interface Logger {
  /** The least important lines to write; it can be changed at any time, for all contexts at once. */
  level: LogLevel
  /** A log whose lines carry this context, such as `redis-connection`. */
  for(context: string): ContextLog
}

/**
 * A logger for a service: a line for each message, written before the call returns, so that the last words before an
 * exit are never lost. A line of a request or an event has its `correlationId`. Masked are passwords in URLs, tokens,
 * fields that are named like secrets, and those declared as personal; the payload of an event is left out. It never
 * throws, and a line below the level costs a comparison.
 *
 * @example
 * const logger = createLogger({ level: 'info', format: 'text', service: 'orders', environment: 'production' })
 * logger.for('redis-connection').info({ attempt: 1, maxRetries: 3 }, 'Connection attempt 1/3')
 * // 2025-06-28T23:40:13.653Z INFO  [redis-connection] Connection attempt 1/3 {"attempt":1,"maxRetries":3}
 * logger.level = 'debug'
 */
export function createLogger(options: LoggerOptions): Logger {
  return new ServiceLogger(options)
}

class ServiceLogger implements Logger {
  readonly #destination: Destination
  readonly #personal: PersonalFields
  readonly #renderer: (level: LogLevel, context: string) => Render
  #level: LogLevel = 'info'
  #threshold = 0
  #withStacks = false

  constructor(options: LoggerOptions) {
    this.#destination = options.destination ?? synchronousDestination(STDOUT, (count) => this.#lost(count))
    this.#personal = new PersonalFields(options.redactFields ?? [])
    this.#renderer = options.format === 'json' ? jsonRenderer(options) : textRenderer
    this.level = options.level
  }

  get level(): LogLevel {
    return this.#level
  }

  set level(level: LogLevel) {
    const threshold = LOG_LEVELS.indexOf(level)
    if (threshold === -1)
      throw new InvalidError('CONFIGURATION_INVALID', 'the log can not work like this', [
        { path: 'level', message: `must be one of ${LOG_LEVELS.join(', ')}, not ${JSON.stringify(level)}` },
      ])
    this.#level = level
    this.#threshold = threshold
    this.#withStacks = threshold <= LOG_LEVELS.indexOf('debug')
  }

  for(context: string): ContextLog {
    const writers = LOG_LEVELS.map((level, importance) => [level, this.#writer(level, importance, context)])
    return Object.fromEntries(writers) as ContextLog
  }

  /** What stands in the log where lines are missing. */
  #lost(count: number): string {
    const message = `${count} lines of the log were dropped, since nobody read them`
    return this.#renderer('warn', 'log')(new Date().toISOString(), message, {})
  }

  #writer(level: LogLevel, importance: number, context: string): ContextLog[LogLevel] {
    const render = this.#renderer(level, context)
    return (fields, message) => {
      if (importance < this.#threshold) return
      const shown = presentable(fields, this.#withStacks, this.#personal)
      const id = correlationId()
      if (id !== undefined && shown['correlationId'] === undefined) shown['correlationId'] = id
      this.#destination.write(render(new Date().toISOString(), presentText(message), shown))
    }
  }
}
