import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'
import { run } from '../program.ts'

const server = useRedisServer()
const log = useLog(server)
let io: CapturedIo

beforeAll(async () => {
  await log.append('events', [
    { fields: ['type', 'a', 'data', '{"n":1}', 'partitionkey', 'k'] },
    { fields: ['eventType', 'b', 'payload', '{"n":2}', 'timestamp', '1700000000000', 'id', 'own'] },
    { fields: ['type', 'c', 'data', 'no json'] },
    { fields: ['type', 'd', 'data', '"\\u001b[2J"', 'subject', '\u001b[2J'] },
  ])
})
afterEach(() => io.remove())

async function tail(...args: string[]) {
  io = new CapturedIo({ REDIS_URL: server.url })
  return run(io, ['tail', ...args])
}

describe('millrace tail', () => {
  it('shows what is there, of whatever format, and what it can not read', async () => {
    expect(await tail('events', '--from', '0', '--no-follow', '--json')).toBe(EXIT.ok)
    expect(io.json).toMatchObject([
      { type: 'a', data: { n: 1 }, key: 'k' },
      { type: 'b', data: { n: 2 }, id: 'own', time: '2023-11-14T22:13:20.000Z' },
      { error: expect.stringContaining('not JSON'), fields: ['type', 'c', 'data', 'no json'] },
      { type: 'd' },
    ])
  })

  it('prints lines that a terminal does not obey', async () => {
    await tail('events', '--from', '0', '--no-follow')
    expect(io.stdout.text).toContain('  a  k  {"n":1}')
    expect(io.stdout.text).not.toContain('\u001b')
  })

  it('ends after --limit', async () => {
    expect(await tail('events', '--from', '0', '--limit', '2', '--json')).toBe(EXIT.ok)
    expect(io.json.length).toBe(2)
  })

  it('follows what comes, until it is stopped', async () => {
    const tailing = tail('events', '--json')
    const writing = setInterval(() => void log.append('events', [{ fields: ['type', 'e', 'data', '5'] }]), 20)
    await expect.poll(() => io.stdout.text).toContain('"type":"e"')
    clearInterval(writing)
    io.stop.abort()
    expect(await tailing).toBe(EXIT.ok)
  })

  it('says that a stream is unknown', async () => {
    expect(await tail('nowhere', '--no-follow')).toBe(EXIT.notFound)
    expect(io.stderr.text).toContain('there is no stream "nowhere"')
  })

  it('refuses a position that is none, and a limit that is none', async () => {
    expect(await tail('events', '--from', 'yesterday')).toBe(EXIT.usage)
    expect(await tail('events', '--limit', 'many')).toBe(EXIT.usage)
  })
})
