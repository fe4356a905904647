import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLogger, type LoggerOptions } from './logger.ts'

beforeEach(() => vi.useFakeTimers({ now: new Date('2025-06-28T23:40:13.653Z') }))
afterEach(() => vi.useRealTimers())

function logging(options: Partial<LoggerOptions> = {}, context = 'redis-connection') {
  const lines: string[] = []
  const logger = createLogger({
    level: 'info',
    format: 'text',
    service: 'orders',
    environment: 'production',
    destination: { write: (line) => lines.push(line) },
    ...options,
  })
  return { log: logger.for(context), lines }
}

describe('text', () => {
  it('is as the product says, to the letter', () => {
    const { log, lines } = logging()
    log.info({ attempt: 1, maxRetries: 3 }, 'Connection attempt 1/3')
    log.error({}, 'gone')
    expect(lines).toEqual([
      '2025-06-28T23:40:13.653Z INFO  [redis-connection] Connection attempt 1/3 {"attempt":1,"maxRetries":3}\n',
      '2025-06-28T23:40:13.653Z ERROR [redis-connection] gone\n',
    ])
  })

  it('keeps a message on its line', () => {
    const { log, lines } = logging()
    log.warn({}, 'stream "a\n2025-06-28T23:40:13.653Z INFO  [x] forged\u001b[31m\u0085"\u2028')
    expect(lines[0]!.match(/\p{Cc}/gu)).toEqual(['\n'])
    expect(lines[0]).toContain(String.raw`"a\n2025`)
  })
})

describe('json', () => {
  it('has the names of the product in their order, then the fields', () => {
    const { log, lines } = logging({ format: 'json' })
    log.info({ attempt: 1, maxRetries: 3 }, 'Connection "1/3"\n')
    log.warn({}, 'plain')
    expect(lines).toEqual([
      '{"timestamp":"2025-06-28T23:40:13.653Z","level":"info","service":"orders","environment":"production",' +
        '"context":"redis-connection","message":"Connection \\"1/3\\"\\n","attempt":1,"maxRetries":3}\n',
      '{"timestamp":"2025-06-28T23:40:13.653Z","level":"warn","service":"orders","environment":"production",' +
        '"context":"redis-connection","message":"plain"}\n',
    ])
  })

  it('renames fields that are called like its own', () => {
    const { log, lines } = logging({ format: 'json' })
    log.info({ message: 'mine', level: 3, other: 1 }, 'hello')
    expect(JSON.parse(lines[0]!)).toMatchObject({
      message: 'hello',
      level: 'info',
      message_: 'mine',
      level_: 3,
      other: 1,
    })
  })
})

describe('every line', () => {
  it('is left out below the level', () => {
    const { log, lines } = logging({ level: 'warn' })
    log.debug({}, 'a')
    log.info({}, 'b')
    log.warn({}, 'c')
    log.error({}, 'd')
    expect(lines.map((line) => line.trimEnd().at(-1))).toEqual(['c', 'd'])
  })

  it('hides secrets in message and fields, and shows stacks at debug only', () => {
    const fields = { error: new Error('at redis://a:hunter2@h'), token: 'hunter2' }
    for (const level of ['info', 'debug', 'trace'] as const) {
      const { log, lines } = logging({ level, format: 'json' })
      log.error(fields, 'lost redis://a:hunter2@h')
      expect(lines[0]).not.toContain('hunter2')
      expect(lines[0]!.includes('"stack"')).toBe(level !== 'info')
    }
  })
})
