import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { fingerprints } from '../../test/support/fingerprints.ts'
import { useCommand } from '../../test/support/use-command.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { useOnce } from '../../test/support/use.ts'
import { startTestReplicas } from '../engines/test-servers.ts'
import type { Connection } from '../redis/connection.ts'
import { EXIT } from './exit.ts'

const READING: readonly string[][] = [
  ['stream', 'ls'],
  ['stream', 'ls', '--companions', '--sort', 'lag', '--json'],
  ['stream', 'info', 'orders'],
  ['stream', 'tail', 'orders', '--from', '0', '--no-follow'],
  ['group', 'ls', 'orders'],
  ['group', 'info', 'orders', 'billing'],
  ['group', 'reset', 'orders', 'billing', '--to', 'start', '--dry-run'],
  ['consumer', 'ls', 'orders', 'billing'],
  ['pending', 'ls', 'orders', 'billing'],
  ['explain', '--all'],
  ['top', '--once', '--interval', '10ms'],
  ['check', '--crit-lag', '1000', '--crit-dead-letters', '0'],
]

const DRY_RUN = 'nothing was changed: a dry run\n'

/** As other software leaves them: plain commands, no key of Millrace, fields that are no event, and names of all kinds. */
async function write(connection: Connection): Promise<void> {
  for (const stream of ['orders', '注文 ', '{a}b:c'])
    for (let n = 1; n <= 5; n++) await connection.send(['XADD', stream, `${n}-1`, 'payload', `\u0000${n}`])
  await connection.send(['XGROUP', 'CREATE', 'orders', 'billing', '0'])
  await connection.send(['XREADGROUP', 'GROUP', 'billing', 'worker', 'COUNT', '2', 'STREAMS', 'orders', '>'])
  await connection.send(['XDEL', 'orders', '4-1'])
  await connection.send(['HSET', 'a-hash', 'a', 'b'])
}

describe('on a Redis that Millrace never wrote to', () => {
  const { server, admin } = useRedis()
  const millrace = useCommand(server)
  beforeAll(() => write(admin))

  it.each(READING)('%s %s writes nothing', async (...args) => {
    const before = await fingerprints(admin)
    const { code, err } = await millrace(args)
    expect([code, err.replace(DRY_RUN, '')]).toEqual([EXIT.ok, ''])
    expect(await fingerprints(admin)).toEqual(before)
  })

  it('works for a user who may only read', async () => {
    const manual = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8')
    const [, rights = ''] = /^ACL SETUSER reader (reset on >PASSWORD .*)$/m.exec(manual) ?? []
    const rules = rights.split(' ').filter((rule) => !rule.startsWith('~') && !rule.startsWith('>'))
    await admin.send(['ACL', 'SETUSER', 'reader', ...rules, '~*', '>secret'])
    const env = { REDIS_URL: server.url.replace('redis://', 'redis://reader:secret@') }
    for (const args of READING) {
      const { code, err } = await millrace(args, { env })
      expect([args, code, err.replace(DRY_RUN, '')]).toEqual([args, EXIT.ok, ''])
    }
  })
})

it('an empty Redis has nothing, and that is no error', async () => {
  const { code, err } = await empty(['stream', 'ls'])
  expect([code, err]).toEqual([EXIT.ok, 'there are no such streams\n'])
  expect((await empty(['explain', '--json'])).json).toEqual([])
  expect((await empty(['check'])).out).toContain('MILLRACE OK - 0 groups well')
  expect((await empty(['top', '--once', '--interval', '10ms'])).code).toBe(EXIT.ok)
  expect((await empty(['group', 'ls', 'orders'])).code).toBe(EXIT.notFound)
})

describe('a server that the service would refuse', () => {
  it('that evicts is looked at, with a warning', async () => {
    const { code, out, err } = await evicting(['stream', 'ls', '--json'])
    expect([code, out]).toEqual([EXIT.ok, '[]\n'])
    expect(err).toMatch(/^warning: maxmemory-policy allkeys-lru /)
  })

  it('that is a replica is looked at, with a warning', async () => {
    const { replicas } = pair
    const env = { REDIS_URL: replicas[0]!.url }
    const { code, err } = await empty(['explain', '--json'], { env })
    expect(code).toBe(EXIT.ok)
    expect(err).toMatch(/^warning: .* is a replica/)
  })
})

const empty = useCommand(useRedis().server)
const evicting = useCommand(useRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] }).server)
const pair = useOnce(
  () => startTestReplicas(),
  (it) => it.stop(),
)
