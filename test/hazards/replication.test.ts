import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MillraceError } from '../../src/core/errors.ts'
import type { NewEntry } from '../../src/core/stream-log.ts'
import { startTestReplicas } from '../../src/engines/test-servers.ts'
import { openConnection } from '../../src/redis/connections/servers.ts'
import type { RedisLogOptions } from '../../src/redis/redis-log.ts'
import { failureOf, until } from '../support/until.ts'
import { openLab } from '../support/use-lab.ts'
import { useOnce } from '../support/use.ts'
import { GROUP, type Lab } from '../support/worker-lab.ts'

// A master that can be kept from saving, with one replica.
const servers = useOnce(
  () => startTestReplicas({ args: ['--enable-protected-configs', 'yes', '--save', '3600 1'] }),
  (it) => it.stop(),
)
const admin = useOnce(
  () => openConnection({ url: servers.master.url }, 'test-admin'),
  (it) => it.close(),
)
const send = <T>(...args: string[]) => admin.send<T>(args)
const replica = () => servers.replicas[0]!
const DURABLE = { replicas: 1, timeoutMs: 400 }
let lab: Lab
const labs: Lab[] = []

async function open(options: Partial<RedisLogOptions> = {}, stream?: string): Promise<Lab> {
  const opened = await openLab({ url: servers.master.url, ...options }, stream)
  labs.push(opened)
  return opened
}

beforeEach(async () => {
  lab = await open()
})
afterEach(async () => {
  await replica().kill('SIGCONT')
  await Promise.all(labs.splice(0).map((one) => one.close()))
  await servers.settled()
})

const entry = (number: number, more: Partial<NewEntry> = {}): NewEntry => ({
  fields: ['type', 'number', 'data', String(number)],
  ...more,
})
const durable = (number: number, more: Partial<NewEntry> = {}) =>
  entry(number, { durability: DURABLE, ...more })
const append = async (one: NewEntry, to = lab): Promise<string | MillraceError> =>
  (await to.log.append(to.stream, [one]))[0]!
const codes = (results: readonly (string | MillraceError)[]) =>
  results.map((result) => (typeof result === 'string' ? 'written' : result.code))
const numbers = async (stream = lab.stream): Promise<number[]> =>
  (await send<[string, string[]][]>('XRANGE', stream, '-', '+')).map(([, fields]) => Number(fields[3]))

describe('a publish that waits for replicas', () => {
  test('is confirmed by one that has it', async () => {
    // Confirmed late by a replica that has no time is confirmed all the same.
    const position = await append(entry(1, { durability: { replicas: 1, timeoutMs: 30_000 } }))
    const there = await openConnection({ url: replica().url }, 'test-replica')
    expect(await there.send(['XRANGE', lab.stream, '-', '+'])).toEqual([[position, expect.anything()]])
    await there.close()
  })

  test('is not, where the replica is frozen: it says where it stands, and nobody else waits', async () => {
    await append(durable(0))
    const other = await openConnection({ url: servers.master.url }, 'test-other')
    await other.send(['WAIT', '1', '2000'])
    await replica().kill('SIGSTOP')
    const [plain, waiting] = [append(entry(1)), append(durable(2))]
    const first = await Promise.race([plain, waiting])
    expect(first).toBe(await plain)
    const error = (await waiting) as MillraceError
    expect(error.code).toBe('PUBLISH_NOT_REPLICATED')
    const [, , row] = await send<[string, unknown][]>('XRANGE', lab.stream, '-', '+')
    expect(error.message).toContain(row![0])
    // On another connection than the write, WAIT answers for what was written there: nothing.
    expect(await other.send(['WAIT', '1', '100'])).toBe(1)
    await other.close()
  })

  test('is not, where it is repeated under its key on a new connection', async () => {
    await replica().kill('SIGSTOP')
    const one = durable(1, { idempotencyKey: `${lab.stream} 1` })
    expect(codes([await append(one)])).toEqual(['PUBLISH_NOT_REPLICATED'])
    const again = await open({}, lab.stream)
    expect(codes([await append(one, again)])).toEqual(['PUBLISH_NOT_REPLICATED'])
    await replica().kill('SIGCONT')
    const position = await until('the replica', async () => {
      const result = await append(one, again)
      return typeof result === 'string' && result
    })
    expect(await send('XRANGE', lab.stream, '-', '+')).toEqual([[position, expect.anything()]])
  })

  test('repeated under its key is written to the replicas again, so that there is something to wait for', async () => {
    const one = durable(1, { idempotencyKey: `${lab.stream} 1` })
    const offset = async () =>
      Number(/master_repl_offset:(\d+)/.exec(await send<string>('INFO', 'replication'))![1])
    const position = await append(one)
    const before = await offset()
    expect(await append(one)).toBe(position)
    expect(await offset()).toBeGreaterThan(before + 40)
    const [key] = await send<string[]>('KEYS', `*${lab.stream} 1*`)
    expect(await send<number>('PTTL', key!)).toBeGreaterThan(500_000)
  })

  test('waits together with all others, however many streams there are: the connection lives', async () => {
    await append(durable(0))
    const clients = async () =>
      [...(await send<string>('CLIENT', 'LIST')).matchAll(/id=(\d+) [^\n]*name=\S*-durable/g)].map(
        ([, id]) => id,
      )
    const before = await clients()
    await replica().kill('SIGSTOP')
    const slow = { replicas: 1, timeoutMs: 1_500 }
    const start = performance.now()
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, number) =>
        lab.log.append(`${lab.stream}:${number % 20}`, [entry(number, { durability: slow })]),
      ),
    )
    expect(new Set(codes(results.flat()))).toEqual(new Set(['PUBLISH_NOT_REPLICATED']))
    expect(performance.now() - start).toBeLessThan(10_000) // one by one it would be 30 s, and end by a deadline
    expect(await clients()).toEqual(before)
  })

  test('keeps its order, and each of a mixed call has its own answer', async () => {
    const calls = Array.from({ length: 600 }, (_, number) => append(durable(number)))
    expect(codes(await Promise.all(calls))).toEqual(Array.from({ length: 600 }, () => 'written'))
    expect(await numbers()).toEqual(Array.from({ length: 600 }, (_, number) => number))
    await replica().kill('SIGSTOP')
    const mixed = await lab.log.append(lab.stream, [entry(1), durable(2), entry(3), durable(4)])
    expect(codes(mixed)).toEqual(['written', 'PUBLISH_NOT_REPLICATED', 'written', 'PUBLISH_NOT_REPLICATED'])
  })

  test('is what every publish does, where the log says so', async () => {
    const careful = await open({ durability: DURABLE }, lab.stream)
    expect(codes([await append(entry(1), careful)])).toEqual(['written'])
    await replica().kill('SIGSTOP')
    expect(codes([await append(entry(2), careful)])).toEqual(['PUBLISH_NOT_REPLICATED'])
    const wrong = open({ durability: { replicas: 0 } })
    expect(await failureOf(wrong)).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  })

  test('and is the first one waits for a master that is away, within the bounds of the queue', async () => {
    const bounded = await open({ offlineTimeoutMs: 20_000, maxQueuedEntries: 10 })
    await servers.master.kill('SIGKILL')
    const waiting = Array.from({ length: 12 }, (_, number) => append(durable(number), bounded))
    expect(codes(await Promise.all(waiting.slice(10)))).toEqual(['PUBLISH_QUEUE_FULL', 'PUBLISH_QUEUE_FULL'])
    await servers.master.restart()
    const results = await Promise.all(waiting.slice(0, 10))
    expect(codes(results)).not.toContain('REDIS_UNAVAILABLE')
    await until('the admin', async () => (await numbers(bounded.stream)).length === 10)
  })

  test('is uncertain, and never confirmed, where the master becomes a replica meanwhile', async () => {
    await append(durable(0))
    await replica().kill('SIGSTOP')
    const waiting = append(entry(1, { durability: { replicas: 1, timeoutMs: 20_000 } }))
    await until('the WAIT', async () => /name=\S*-durable [^\n]*flags=b/.test(await send('CLIENT', 'LIST')))
    await send('REPLICAOF', '127.0.0.1', '1')
    expect(codes([await waiting])).toEqual(['PUBLISH_UNCERTAIN'])
    await send('REPLICAOF', 'NO', 'ONE')
  })
})

describe('a master that refuses writes', () => {
  test('NOREPLICAS with a frozen replica: publishing fails with nothing written, consuming waits without attempts', async () => {
    const hasty = await consumed()
    await send('CONFIG', 'SET', 'min-replicas-to-write', '1')
    await send('CONFIG', 'SET', 'min-replicas-max-lag', '1')
    await replica().kill('SIGSTOP')
    await until('the refusal', async () =>
      /NOREPLICAS/.test((await failureOf(send('SET', 'a', 'b'))).message),
    )
    try {
      expect(await consumesAfter('NOREPLICAS', hasty, () => replica().kill('SIGCONT'))).toEqual([1])
    } finally {
      await send('CONFIG', 'SET', 'min-replicas-to-write', '0')
    }
  })

  test('MISCONF with a disk that can not be written: the same', async () => {
    const hasty = await consumed()
    const [, home] = await send<[string, string]>('CONFIG', 'GET', 'dir')
    const gone = mkdtempSync(join(tmpdir(), 'millrace-test-gone-'))
    await send('CONFIG', 'SET', 'dir', gone)
    rmSync(gone, { recursive: true })
    await send('BGSAVE')
    await until('the refusal', async () => /MISCONF/.test((await failureOf(send('SET', 'a', 'b'))).message))
    const mend = async () => {
      await send('CONFIG', 'SET', 'dir', home)
      await until('a save', async () => {
        await send('BGSAVE').catch(() => {})
        return (await send<string>('INFO', 'persistence')).includes('rdb_last_bgsave_status:ok')
      })
    }
    expect(await consumesAfter('MISCONF', hasty, mend)).toEqual([1])
  })

  const attempts: number[] = []

  /** A lab with a worker that runs already, and does not publish for long. */
  async function consumed(): Promise<Lab> {
    attempts.length = 0
    const hasty = await open({ offlineTimeoutMs: 300 }, lab.stream)
    await hasty.start(({ attempt }) => void attempts.push(attempt))
    return hasty
  }

  /** Answers the attempts of what is published while the master refuses. */
  async function consumesAfter(refusal: string, hasty: Lab, mend: () => Promise<unknown>): Promise<number[]> {
    const refused = await append(entry(0), hasty)
    expect(refused).toMatchObject({ code: 'REDIS_REFUSED', message: expect.stringContaining(refusal) })
    const patient = await open({ offlineTimeoutMs: 30_000 }, lab.stream)
    const published = append(entry(1), patient)
    await mend()
    expect(typeof (await published)).toBe('string')
    await until('the run', () => attempts.length === 1)
    expect(await numbers()).toEqual([1])
    await until('the settlement', async () => (await send<[number]>('XPENDING', lab.stream, GROUP))[0] === 0)
    return attempts
  }
})

describe('servers that are not what they should be', () => {
  const warnings: string[] = []
  const warn = (_fields: object, message: string) => void warnings.push(message)
  const log = { debug() {}, info() {}, warn, error() {} }
  beforeEach(() => void warnings.splice(0))

  test('a master without min-replicas-to-write is warned of, once', async () => {
    await open({ log })
    expect(warnings.filter((text) => text.includes('min-replicas-to-write'))).toHaveLength(1)
    await send('CONFIG', 'SET', 'min-replicas-to-write', '1')
    await open({ log })
    expect(warnings.filter((text) => text.includes('min-replicas-to-write'))).toHaveLength(1)
    await send('CONFIG', 'SET', 'min-replicas-to-write', '0')
  })

  test('a URL that leads to a replica is warned of, and publishing there says why it fails', async () => {
    const wrong = await open({ url: replica().url, log, offlineTimeoutMs: 200 })
    expect(warnings).toEqual(expect.arrayContaining([expect.stringContaining('is a replica')]))
    expect(await append(entry(1), wrong)).toMatchObject({
      message: expect.stringMatching(/READONLY|no connection/),
    })
  })
})
