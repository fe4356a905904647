import { createServer, type AddressInfo, type Server } from 'node:net'
import { once } from 'node:events'
import { beforeAll, describe, expect, it } from 'vitest'
import { spawnMillrace } from '../../../test/support/service-process.ts'
import { useCommand } from '../../../test/support/use-command.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { useOnce } from '../../../test/support/use.ts'
import { STATES } from './result.ts'

const { server, admin } = useRedis()
const proxy = useProxy(server)
const millrace = useCommand(server)
const check = async (...args: string[]) => {
  const { code, out } = await millrace(['check', ...args])
  expect(out.trimEnd().split('\n')).toHaveLength(1)
  return { code, out: out.trimEnd() }
}

/** `slow` is 12 behind and holds one old entry; `well` has read all; there are two dead letters. */
beforeAll(async () => {
  for (let n = 1; n <= 13; n++) await admin.send(['XADD', 'orders', `${n}-0`, 'type', 'a', 'data', '1'])
  await admin.send(['XGROUP', 'CREATE', 'orders', 'slow', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'slow', 'c', 'COUNT', '1', 'STREAMS', 'orders', '>'])
  await admin.send(['XGROUP', 'CREATE', 'orders', 'well', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'well', 'c', 'NOACK', 'STREAMS', 'orders', '>'])
  for (const id of ['1-0', '2-0']) await admin.send(['XADD', '{orders}:dead-letter', id, 'a', 'b'])
})

describe('check with limits', () => {
  it.each([
    [[], 'OK', 'lag=12;100;1000;0'],
    [['--warn-lag', '11'], 'WARNING', 'lag=12;11;1000;0'],
    [['--warn-lag', '12'], 'OK', 'lag=12;12;1000;0'],
    [['--crit-lag', '11'], 'CRITICAL', 'lag=12;100;11;0'],
    [['--stream', 'orders', '--group', 'well', '--warn-lag', '0'], 'OK', 'lag=0;0;1000;0'],
  ] as const)('%j is %s', async (flags, state, figures) => {
    const { code, out } = await check('--warn-lag', '100', '--crit-lag', '1000', ...flags)
    expect(out).toMatch(new RegExp(`^MILLRACE ${state} - `))
    expect(out.endsWith(` | ${figures}`)).toBe(true)
    expect(code).toBe(STATES[state])
  })

  it('says what is over which limit', async () => {
    expect((await check('--crit-lag', '10')).out).toBe(
      'MILLRACE CRITICAL - orders/slow lag 12 is over 10 | lag=12;;10;0',
    )
    const { out, code } = await check('--warn-pending-age', '5m', '--crit-dead-letters', '1')
    expect(code).toBe(STATES.CRITICAL)
    expect(out).toMatch(
      /- orders dead letters 2 is over 1 \| pending_age=\d+(\.\d+)?s;300;;0 dead_letters=2;;1;0$/,
    )
  })

  it('does not know a lag that nobody knows', async () => {
    for (let n = 1; n <= 5_000; n++) void admin.send(['XADD', 'holes', `${n}-0`, 'a', 'b'])
    await admin.send(['XGROUP', 'CREATE', 'holes', 'g', '2500-0'])
    await admin.send(['XDEL', 'holes', '2000-0', '3000-0'])
    const { code, out } = await check('--stream', 'holes', '--crit-lag', '10')
    expect(out).toBe('MILLRACE UNKNOWN - holes/g lag unknown | lag=U;;10;0')
    expect(code).toBe(STATES.UNKNOWN)
    await admin.send(['DEL', 'holes'])
  })
})

describe('check without limits', () => {
  it('goes by the verdicts', async () => {
    const well = await check('--stream', 'orders', '--group', 'well')
    expect(well).toEqual({
      code: STATES.OK,
      out: 'MILLRACE OK - 1 group well | groups=1 warning=0 critical=0',
    })
    await admin.send(['XGROUP', 'CREATE', 'orders', 'alo|ne', '0'])
    const { code, out } = await check()
    expect(code).toBe(STATES.CRITICAL)
    expect(out).toMatch(
      /^MILLRACE CRITICAL - [^|]*orders\/alo\/ne no-consumers: [^|]* \| groups=3 warning=\d critical=\d$/,
    )
    await admin.send(['XGROUP', 'DESTROY', 'orders', 'alo|ne'])
  })
})

describe('check is UNKNOWN', () => {
  const silent = useOnce<Server>(
    async () => {
      const mute = createServer((socket) => socket.on('error', () => {}))
      mute.listen(0, '127.0.0.1')
      await once(mute, 'listening')
      return mute
    },
    async (mute) => void mute.close(),
  )

  it.each([
    ['without a Redis', ['--redis', 'redis://127.0.0.1:1'], `Redis can't be reached`],
    ['for a stream that is not there', ['--stream', 'order'], 'did you mean "orders"?'],
    [
      'for a group that is not there',
      ['--stream', 'orders', '--group', 'wel', '--warn-lag', '1'],
      'did you mean',
    ],
    ['for a group of no stream', ['--group', 'well'], '--group needs --stream'],
    ['for a configuration that is none', ['--redis', 'nonsense'], 'REDIS_URL'],
  ])('%s', async (_, flags, message) => {
    const { code, out } = await check(...flags)
    expect(out).toContain('MILLRACE UNKNOWN - ')
    expect(out).toContain(message)
    expect(code).toBe(STATES.UNKNOWN)
  })

  it('for words that are none, which elsewhere are 2', async () => {
    expect((await millrace(['check', '--warn-lag', 'many'])).code).toBe(STATES.UNKNOWN)
    expect((await millrace(['check', '--colour'])).code).toBe(STATES.UNKNOWN)
    expect((await millrace(['check', '--help'])).code).toBe(STATES.OK)
  })

  it('in time where nothing answers, and the process ends', async () => {
    const { port } = silent.address() as AddressInfo
    const args = ['check', '--redis', `redis://127.0.0.1:${port}`, '--timeout', '500ms']
    const child = spawnMillrace(args, {})
    let out = ''
    child.stdout!.on('data', (bytes) => (out += String(bytes)))
    const [code] = (await once(child, 'close')) as [number]
    expect(out).toMatch(/^MILLRACE UNKNOWN - .*no answer within \d+ ?ms.*\n$/)
    expect(code).toBe(STATES.UNKNOWN)
  })

  it('in time where the answers stop', async () => {
    proxy.swallow('down')
    const { code, out } = await check('--redis', proxy.url('redis'), '--timeout', '500ms')
    expect(out).toMatch(/no answer within|no connection|can't be reached|reply of Redis was lost/)
    expect(code).toBe(STATES.UNKNOWN)
  })
})
