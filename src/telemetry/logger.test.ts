import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { correlated } from '../core/correlation.ts'
import { LOG_LEVELS } from './line.ts'
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

describe('the level', () => {
  it('has six steps, and can be changed while all logs are in use', () => {
    const lines: string[] = []
    const logger = createLogger({
      level: 'fatal',
      format: 'text',
      service: 's',
      environment: 'e',
      destination: { write: (line) => lines.push(line) },
    })
    const logs = [logger.for('a'), logger.for('b')]
    const sayAll = () => {
      lines.length = 0
      for (const log of logs) for (const level of LOG_LEVELS) log[level]({}, level)
      return lines.map((line) => line.trimEnd().slice(25))
    }
    expect(sayAll()).toEqual(['FATAL [a] fatal', 'FATAL [b] fatal'])
    logger.level = 'trace'
    expect(sayAll()).toHaveLength(12)
    expect(lines[0]).toContain('TRACE [a] trace')
    logger.level = 'warn'
    expect(logger.level).toBe('warn')
    expect(sayAll()).toHaveLength(6)
  })

  it('is refused where there is none of that name, and stays', () => {
    const logger = createLogger({ level: 'warn', format: 'text', service: 's', environment: 'e' })
    expect(() => (logger.level = 'loud' as never)).toThrow(/level: must be one of trace, debug.*"loud"/)
    expect(logger.level).toBe('warn')
  })
})

describe('the correlation id', () => {
  it('is on every line of the work, unless the line has one, and on none after it', async () => {
    const { log, lines } = logging()
    await correlated('order-7', async () => {
      log.info({ a: 1 }, 'x')
      await Promise.resolve()
      log.info({ correlationId: 'mine' }, 'x')
      log.error(new Error('gone'), 'x')
    })
    log.info({}, 'x')
    expect(lines.map((line) => line.slice(line.indexOf('] x') + 3).trim())).toEqual([
      '{"a":1,"correlationId":"order-7"}',
      '{"correlationId":"mine"}',
      '{"error":{"message":"gone"},"correlationId":"order-7"}',
      '',
    ])
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

  it('hides the personal fields that were declared', () => {
    const { log, lines } = logging({ format: 'json', redactFields: ['email', 'user.phone'] })
    log.info({ email: 'ada@example.org', user: { phone: '1', name: 'Ada' }, phone: 2 }, 'x')
    expect(JSON.parse(lines[0]!)).toMatchObject({
      email: '****',
      user: { phone: '****', name: 'Ada' },
      phone: 2,
    })
  })
})
