import { redactText } from '../core/redact.ts'
import type { Log } from '../core/service.ts'
import { synchronousDestination, type Destination } from './destination.ts'
import { jsonRenderer, textRenderer, type Level } from './line.ts'
import { presentable } from './redact.ts'

const STDOUT = 1

const IMPORTANCE = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const

export interface LoggerOptions {
  /** The least important lines to write. */
  level: keyof typeof IMPORTANCE
  format: 'text' | 'json'
  /** Service and environment stand in every line of JSON. */
  service: string
  environment: string
  /** Standard output unless told otherwise. */
  destination?: Destination
}

export interface Logger {
  /** A log whose lines carry this context, such as `redis-connection`. */
  for(context: string): Log
}

/**
 * A logger for a service: a line for each message, written before the call returns, so that the last words before an
 * exit are never lost. Passwords in URLs and fields that are named like secrets are masked. It never throws.
 *
 * @example
 * const logger = createLogger({ level: 'info', format: 'text', service: 'orders', environment: 'production' })
 * logger.for('redis-connection').info({ attempt: 1, maxRetries: 3 }, 'Connection attempt 1/3')
 * // 2025-06-28T23:40:13.653Z INFO  [redis-connection] Connection attempt 1/3 {"attempt":1,"maxRetries":3}
 */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? synchronousDestination(STDOUT)
  const threshold = IMPORTANCE[options.level]
  const withStacks = threshold <= IMPORTANCE.debug
  const renderer = options.format === 'json' ? jsonRenderer(options) : textRenderer

  const at = (level: Level, context: string): Log[Level] => {
    if (IMPORTANCE[level] < threshold) return () => {}
    const render = renderer(level, context)
    return (fields, message) => {
      const shown = presentable(fields, withStacks)
      destination.write(render(new Date().toISOString(), redactText(message), shown))
    }
  }
  return {
    for: (context) => ({
      debug: at('debug', context),
      info: at('info', context),
      warn: at('warn', context),
      error: at('error', context),
    }),
  }
}
