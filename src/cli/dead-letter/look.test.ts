import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { bury } from '../../../test/support/bury.ts'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import type { NewEvent } from '../../core/event.ts'
import { encodeEvent } from '../../core/codec.ts'
import { encrypt } from '../../middleware/encrypt.ts'
import { keyRing } from '../../middleware/key-ring.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const server = useRedisServer()
const log = useLog(server)
let io: CapturedIo
let ids: string[]

beforeAll(async () => {
  ids = await bury(log, { stream: 'user:events', data: [{ n: 1 }, { n: 2 }, { n: 3, text: '\u001b[2J' }] })
  await bury(log, { stream: 'user:events', group: 'audit', error: 'TIMEOUT', data: [{ n: 4 }] })
  await bury(log, { stream: 'orders', data: [1] })
  await log.append('quiet', [{ fields: ['type', 'a', 'data', '1'] }])
})
afterEach(() => io.remove())

function millrace(args: string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  io = new CapturedIo({ REDIS_URL: server.url, ...env })
  return run(io, ['dead-letter', ...args])
}

describe('dead-letter ls', () => {
  it('without a stream lists those that have some, the most first', async () => {
    expect(await millrace(['ls'])).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/^STREAM +DEAD LETTERS\nuser:events +4\norders +1\n$/)
    await millrace(['ls', '--json'])
    expect(io.json).toEqual([
      [
        { stream: 'user:events', letters: 4 },
        { stream: 'orders', letters: 1 },
      ],
    ])
  })

  it('lists letters, the newest first, and those that fit', async () => {
    expect(await millrace(['ls', 'user:events', '--group', 'mailer', '--limit', '2'])).toBe(EXIT.ok)
    const lines = io.stdout.text.trim().split('\n')
    expect(lines.map((line) => line.split(/ +/)[0])).toEqual(['ID', ids[2], ids[1]])
    expect(lines[1]).toMatch(/mailer +user\.created +5 +SMTP_DOWN +because of SMTP_DOWN$/)
    expect(io.stderr.text).toContain('there are more')
  })

  it('prints them whole as JSON, the oldest first if asked to', async () => {
    await millrace(['ls', 'user:events', '--error', 'SMTP_DOWN', '--oldest', '--from', '-1h', '--json'])
    expect(io.json).toMatchObject([
      [
        { id: ids[0], event: { data: { n: 1 } } },
        { id: ids[1] },
        { id: ids[2], reason: 'because of SMTP_DOWN' },
      ],
    ])
  })

  it('says when nothing is like that, or there is none', async () => {
    expect(await millrace(['ls', 'user:events', '--type', 'nothing'])).toBe(EXIT.ok)
    expect(io.stderr.text).toContain('millrace dead-letter summary user:events shows what there is')
    expect(await millrace(['ls', 'quiet'])).toBe(EXIT.ok)
    expect(io.stderr.text).toContain('quiet has no dead letters')
  })

  it('suggests the nearest name for a stream that is not there', async () => {
    expect(await millrace(['ls', 'user:event'])).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('did you mean "user:events"?')
  })

  it('refuses times that are none, and ranges the wrong way round', async () => {
    expect(await millrace(['ls', 'user:events', '--from', 'soon'])).toBe(EXIT.usage)
    expect(await millrace(['ls', 'user:events', '--from', '-1h', '--to', '-2h'])).toBe(EXIT.usage)
    expect(io.stderr.text).toMatch(/--from \S+ comes after --to \S+/)
  })
})

describe('dead-letter summary', () => {
  it('counts what is alike, the most frequent first', async () => {
    expect(await millrace(['summary', 'user:events'])).toBe(EXIT.ok)
    expect(io.stdout.text).toMatch(/3 +mailer +SMTP_DOWN +user\.created .*\n +1 +audit +TIMEOUT/)
    expect(io.stderr.text).toContain('4 dead letters of user:events in all')
    await millrace(['summary', 'user:events', '--group', 'audit', '--json'])
    expect(io.json).toMatchObject([{ counts: [{ group: 'audit', count: 1 }], complete: true }])
  })

  it('knows a stream that is not there', async () => {
    expect(await millrace(['summary', 'oders'])).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('did you mean "orders"?')
  })
})

describe('dead-letter show', () => {
  it('shows all of it, as a terminal may see it', async () => {
    expect(await millrace(['show', 'user:events', ids[2]!])).toBe(EXIT.ok)
    for (const line of ['group:       mailer', 'error:       SMTP_DOWN', 'attempts:    5', '  "n": 3,'])
      expect(io.stdout.text).toContain(`${line}\n`)
    expect(io.stdout.text).not.toContain('\u001b')
    await millrace(['show', 'user:events', ids[2]!, '--json'])
    expect(io.json).toMatchObject([{ id: ids[2], event: { data: { n: 3, text: '\u001b[2J' } } }])
  })

  it('shows the fields of what is no event', async () => {
    const [id] = await bury(log, { stream: 'odd', data: [1], fields: ['data', '{'] })
    expect(await millrace(['show', 'odd', id!])).toBe(EXIT.ok)
    expect(io.stdout.text).toContain('undecodable: the field "data" is not JSON')
    expect(io.stdout.text).toMatch(/fields:\n {2}type: user\.created\n/)
  })

  it('opens what is encrypted, where the keys are there', async () => {
    const key = Buffer.alloc(32, 7).toString('base64')
    const ring = keyRing({ current: 'k', keys: { k: key } })
    const event: NewEvent = { type: 'user.created', data: { email: 'ada@example.com' } }
    const seal = (one: NewEvent, close: (checked: NewEvent) => Promise<NewEvent>) => close(one)
    const sealed = (await encrypt(ring)(event, { stream: 'secrets', seal })) as NewEvent
    const fields = encodeEvent(sealed).slice(4)
    const [id] = await bury(log, { stream: 'secrets', data: [null], fields })
    await millrace(['show', 'secrets', id!, '--json'])
    expect(io.json).toMatchObject([{ event: { data: null } }])
    await millrace(['show', 'secrets', id!, '--json'], { ENCRYPTION_KEYS: `k:${key}` })
    expect(io.json).toMatchObject([{ event: { data: { email: 'ada@example.com' } } }])
  })

  it('says that a letter is not there', async () => {
    expect(await millrace(['show', 'user:events', '1-1'])).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('there is no dead letter "1-1" of "user:events"')
  })
})
