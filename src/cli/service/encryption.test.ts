import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { until } from '../../../test/support/until.ts'
import { useDatabase, usePostgres } from '../../../test/support/use-postgres.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import { defineApp } from '../../app/app.ts'
import { Publisher } from '../../bus/publisher.ts'
import { loadConfig } from '../../config/config.ts'
import { decodeEntry } from '../../core/codec.ts'
import type { Delivery } from '../../core/delivery.ts'
import type { InvalidError } from '../../core/errors.ts'
import { compose } from '../../core/pipeline.ts'
import { PostgresAuditTrail } from '../../postgres/audit-trail.ts'
import { queryOnce } from '../../postgres/test-database.ts'
import { Worker } from '../../worker/worker.ts'
import { run } from '../program.ts'
import { serviceKeyRing, ServiceKeyRing } from './encryption.ts'
import { deliveryMiddleware, publishMiddleware } from './middleware.ts'
import type { ServiceOptions } from './options.ts'

const newKey = () => randomBytes(32).toString('base64')
const [K1, K2] = [`k1:${newKey()}`, `k2:${newKey()}`]
const SECRET = 'ada@example.org'

describe('the keys of ENCRYPTION_KEYS', () => {
  it('encrypt by the first, and decrypt by all', async () => {
    const ring = new ServiceKeyRing([K2, K1])
    expect((await ring.current()).id).toBe('k2')
    expect((await ring.find('k1'))?.id).toBe('k1')
    expect(await ring.find('k3')).toBeUndefined()
    expect(serviceKeyRing([])).toBeUndefined()
  })

  const key = newKey()
  it.each<[string, string[], RegExp]>([
    ['no colon', [K1, key], /item 2 does not begin with an id/],
    ['the two the wrong way round', [`${key}:k1`], /item 1 does not begin with an id/],
    ['no id', [`:${key}`], /item 1 does not begin with an id/],
    ['no key', ['k1:'], /item 1 \("k1"\) holds no key/],
    ['a key that is too short', [K1, `k2:${key.slice(4)}`], /item 2 \("k2"\) holds no key/],
    ['a key that is too long', [`k1:${key}AAAA`], /item 1 \("k1"\) holds no key/],
    ['what is no base64', [`k1:${'!'.repeat(43)}=`], /item 1 \("k1"\) holds no key/],
    ['an id twice', [K1, K2, `k1:${key}`], /item 3 \("k1"\) has the id of another item/],
    ['all of them at once', ['x', `k1:${key}`, 'k2:'], /item 1 .*item 3 /],
  ])('with %s: a mistake that names the item, and no key', (_, items, message) => {
    for (const take of [() => new ServiceKeyRing(items), () => new ServiceKeyRing([K1]).replace(items)]) {
      let failure: InvalidError | undefined
      try {
        take()
      } catch (error) {
        failure = error as InvalidError
      }
      expect(failure).toMatchObject({ code: 'CONFIGURATION_INVALID' })
      expect(failure!.message).toMatch(message)
      expect(failure!.message).toContain('ENCRYPTION_KEYS')
      const secrets = [...items, key].map((item) => item.slice(item.indexOf(':') + 1))
      const long = secrets.filter((secret) => secret.length > 8).map((secret) => secret.slice(0, 8))
      expect(long.filter((secret) => failure!.message.includes(secret))).toEqual([])
    }
  })

  it('stay as they were when those that should replace them are wrong', async () => {
    const ring = new ServiceKeyRing([K1])
    for (const items of [[], ['k2:no']]) expect(() => ring.replace(items)).toThrow(/ENCRYPTION_KEYS/)
    expect((await ring.current()).id).toBe('k1')
  })
})

describe('what the service keeps', () => {
  const redis = useRedisServer()
  const log = useLog(redis)
  const postgres = useDatabase(usePostgres())
  const options = {
    app: defineApp({}),
    config: loadConfig({}, { cwd: '/', version: '1' }),
  } as unknown as ServiceOptions
  let streams = 0

  /** A publisher and a group of the service, with the audit trail, all on this ring. */
  async function serve(ring: ServiceKeyRing) {
    const stream = `encrypted:${++streams}`
    const trail = new PostgresAuditTrail(postgres.database)
    const publisher = new Publisher(log, { middleware: publishMiddleware(options, ring) })
    const seen: unknown[] = []
    const worker = new Worker(log, {
      stream,
      group: 'g',
      handler: compose(...deliveryMiddleware(options, ring).each)(
        (it: Delivery) => void seen.push(it.event.data),
      ),
      audit: { trail, main: true },
    })
    await worker.start()
    const publish = async (data: unknown) => {
      const [position] = await publisher.publish(stream, [{ type: 'user', data }])
      expect(position).toEqual(expect.any(String))
    }
    const rows = () => queryOnce<Record<string, unknown>>(postgres.url, 'SELECT * FROM millrace_audit')
    return { stream, publish, seen, worker, trail, rows }
  }

  it('is ciphertext in Redis, and not even that in the audit trail', async () => {
    const { stream, publish, seen, worker, trail, rows } = await serve(new ServiceKeyRing([K1]))
    await publish({ userId: SECRET, email: SECRET })
    await until('the event', () => seen.length === 1)
    await worker.stop(5_000)
    await trail.close()
    expect(seen).toEqual([{ userId: SECRET, email: SECRET }])
    const entries = await log.read(stream, '0-0', 10)
    expect(JSON.stringify(entries)).toContain('ciphertext')
    expect(JSON.stringify(entries)).not.toContain(SECRET)
    const [row] = await rows()
    expect(row).toMatchObject({
      stream,
      state: 'processed',
      event_type: 'user',
      payload: 'null',
      user_id: null,
    })
    expect(JSON.stringify(row)).not.toContain(SECRET)
  })

  it('stays readable while the keys are rotated, and waits for one that was taken away', async () => {
    const ring = new ServiceKeyRing([K1])
    const { stream, publish, seen, worker, trail } = await serve(ring)
    await publish('under k1')
    await until('the event', () => seen.length === 1)

    ring.replace([K2, K1])
    await publish('under k2')
    await until('the event', () => seen.length === 2)
    const entries = await log.read(stream, '0-0', 10)
    const keys = entries.map((entry) => JSON.parse(decodeEntry(stream, entry).headers['encryption']!).key)
    expect(keys).toEqual(['k1', 'k2'])

    const old = new Publisher(log, { middleware: publishMiddleware(options, new ServiceKeyRing([K1])) })
    ring.replace([K2])
    await old.publish(stream, [{ type: 'user', data: 'under k1, late' }])
    await publish('beside it')
    await until('the one that can be read', () => seen.includes('beside it'))
    await until('the retry', () => worker.status.failed === 1)
    // Neither lost nor a dead letter: it is tried again after 30 s, and by then k1 may be back.
    await expect(log.read(log.deadLetterStream(stream), '0-0', 10)).rejects.toThrow('there is no stream')
    expect(worker.status).toMatchObject({ failed: 1, deadLettered: 0, lost: 0 })
    await worker.stop(5_000)
    await trail.close()
    expect(seen).toEqual(['under k1', 'under k2', 'beside it'])
  })

  it('lets events pass that were there before the keys', async () => {
    const { stream, seen, worker, trail } = await serve(new ServiceKeyRing([K1]))
    await new Publisher(log).publish(stream, [{ type: 'user', data: 'from before' }])
    await until('the event', () => seen.length === 1)
    await worker.stop(5_000)
    await trail.close()
    expect(seen).toEqual(['from before'])
  })

  it('is written and read by the command line with the same keys', async () => {
    const stream = `encrypted:${++streams}`
    const command = async (keys: string, ...args: string[]) => {
      const io = new CapturedIo({ REDIS_URL: redis.url, ...(keys && { ENCRYPTION_KEYS: keys }) })
      const code = await run(io, args)
      io.remove()
      return { code, out: io.stdout.text, err: io.stderr.text }
    }
    const tail = ['tail', stream, '--from', '0', '--no-follow']
    const data = JSON.stringify({ email: SECRET })
    expect((await command(K1, 'publish', stream, '--type', 'user', '--data', data)).code).toBe(0)
    expect(JSON.stringify(await log.read(stream, '0-0', 10))).not.toContain(SECRET)
    expect((await command(`${K2},${K1}`, ...tail)).out).toContain(SECRET)
    expect(JSON.parse((await command(K1, ...tail, '--json')).out)).toMatchObject({ data: { email: SECRET } })
    expect((await command('', ...tail)).out).not.toContain(SECRET)
    const other = await command(K2, ...tail)
    expect(other).toMatchObject({ code: 0, out: expect.stringContaining('"k1", which is not in the ring') })
    const wrong = await command(`${K1},nonsense`, ...tail)
    expect(wrong.code).toBe(2)
    expect(wrong.err).toContain('item 2 does not begin with an id')
  })
})
