import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { echo, rpcLab } from '../../test/support/rpc-lab.ts'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { RedisReplyStream } from '../redis/rpc/reply-stream.ts'
import { rpc } from './contract.ts'
import { Deadlines } from './deadlines.ts'

const { server, admin } = useRedis()
const lab = rpcLab(server, admin)

/** A contract that takes and answers anything. */
const anything = (stream: string) => rpc('echo', { stream, request: z.unknown(), reply: z.unknown() })

const circular = new Error('its own cause')
circular.cause = circular
const unreadable = Object.defineProperty(new Error(), 'message', {
  get() {
    throw new Error('no message')
  },
})
const trap = (): never => {
  throw new Error('a trap')
}

describe('a handler that throws what is hard to look at is run once, and its requester is told', () => {
  test.each([
    ['an error that is its own cause', () => circular],
    ['an error whose message throws', () => unreadable],
    ['a proxy that throws at every look', () => new Proxy({}, { get: trap, getPrototypeOf: trap })],
    ['an object without a prototype', () => Object.create(null) as object],
    ['a symbol', () => Symbol('thrown')],
    ['a function', () => trap],
  ])('%s', async (_what, thrown) => {
    const contract = echo(lab.stream)
    const end = await lab.open()
    let starts = 0
    await end.calls.reply(contract, {}, () => {
      starts++
      throw thrown()
    })
    const error = await failureOf(end.calls.request(contract, { text: 'x' }))
    expect(error).toMatchObject({ code: 'RPC_FAILED' })
    expect(starts).toBe(1)
    expect(end.lines).toHaveLength(1)
  })
})

describe('what a failure says is no larger than a reply', () => {
  test('an error of the contract that is larger reaches the requester as RPC_FAILED, and the log says why', async () => {
    const contract = echo(lab.stream)
    const end = await lab.open({ maxBytes: 10_000 })
    await end.calls.reply(contract, {}, ({ text }) => {
      throw contract.error('UNKNOWN', { text }, 'x'.repeat(10_000))
    })
    const error = await failureOf(end.calls.request(contract, { text: 'x' }))
    expect(error).toMatchObject({ code: 'RPC_FAILED' })
    expect(end.lines).toMatchObject([{ message: expect.stringContaining('more than 10000 bytes') }])
  })

  test('a request with any number of faults is told of a hundred', async () => {
    const strict = rpc('echo', { stream: lab.stream, request: z.array(z.number()), reply: z.unknown() })
    const end = await lab.open()
    await end.calls.reply(strict, {}, () => 1)
    const asked = end.calls.request(anything(lab.stream), Array<string>(50_000).fill('x'))
    const error = (await failureOf(asked)) as Error & { issues: unknown[] }
    expect(error).toMatchObject({ code: 'EVENT_INVALID' })
    expect(error.issues).toHaveLength(100)
    expect(error.message.length).toBeLessThanOrEqual(1_000)
  })
})

test('JSON of any depth is a failure like any other', async () => {
  const contract = anything(lab.stream)
  const end = await lab.open()
  await end.calls.reply(contract, {}, (request) => request)
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  await lab.send('XADD', lab.stream, '*', 'requestId', 'deep', 'data', deep)
  await until('a reply', async () => (await lab.entries(contract.replies)).length === 1)
  expect((await lab.entries(contract.replies))[0]).toEqual({
    requestId: 'deep',
    error: '{"code":"RPC_FAILED"}',
  })
  expect(await end.calls.request(contract, 'after')).toBe('after')
})

test('text that is no Unicode, and controls, come back as they went', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  await end.calls.reply(contract, {}, ({ text }) => ({ text }))
  const text = '\ud800 \u0000 \u2028 \uffff \udfff'
  expect(await end.calls.request(contract, { text })).toEqual({ text })
})

describe('no timer is set for longer than timers go', () => {
  // Node makes such a one end at once, and whoever sets it anew then is busy with nothing else.
  const tooLong = (calls: readonly unknown[][]) => calls.filter(([, ms]) => Number(ms) > 2_147_483_647)

  test('by a request whose position is of times to come', async () => {
    const contract = echo(lab.stream)
    const end = await lab.open()
    const timers = vi.spyOn(globalThis, 'setTimeout')
    let left = 0
    await end.calls.reply(contract, {}, ({ text }, { timeLeft }) => {
      left = timeLeft
      return { text }
    })
    // In µs, as some clients make them.
    await lab.send('XADD', lab.stream, `${Date.now()}000-0`, 'requestId', 'r', 'data', '{"text":"x"}')
    await until('its reply', async () => (await lab.entries(contract.replies)).length === 1)
    const set = tooLong(timers.mock.calls)
    timers.mockRestore()
    expect(set).toEqual([])
    expect(left).toBeLessThanOrEqual(contract.timeout)
  })

  test('by the longest time-out that there is', () => {
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const deadlines = new Deadlines<string>(() => {})
    deadlines.add('x', 2_147_483_647)
    const set = tooLong(timers.mock.calls)
    deadlines.stop()
    timers.mockRestore()
    expect(set).toEqual([])
  })
})

test('after FLUSHALL there is a reply stream again within seconds, though its time to live is a minute', async () => {
  const contract = echo(lab.stream)
  const [asking, answering] = [await lab.open(), await lab.open()]
  await answering.calls.reply(contract, {}, ({ text }) => ({ text }))
  await asking.calls.request(contract, { text: 'before' })
  await lab.send('FLUSHALL')
  const replyStream = async () => (await lab.keys()).some((key) => key.includes('rpc:reply:'))
  await until('a reply stream', replyStream, 8_000)
  expect(await asking.calls.request(contract, { text: 'after' })).toEqual({ text: 'after' })
})

test('a stream that begins again before where it was, as after a failover, is heard', async () => {
  const contract = echo(lab.stream, 'all')
  const [asking, answering] = [await lab.open(), await lab.open()]
  let heard = 0
  await answering.calls.reply(contract, {}, ({ text }) => {
    heard++
    return { text }
  })
  // Far ahead of the clock.
  await lab.send('XADD', lab.stream, '9999999999999-0', 'requestId', 'ahead', 'data', '{"text":""}')
  await until('what is ahead', () => heard === 1)
  await lab.send('DEL', lab.stream)
  const replies = await until('a reply', () =>
    asking.calls.gather(contract, { text: 'x' }, { quorum: 1, timeout: 500 }),
  )
  expect(replies).toMatchObject([{ reply: { text: 'x' } }])
})

test('a reply to a request that another one took over is counted as late', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  let release = () => {}
  await end.calls.reply(contract, {}, async ({ text }) => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return { text }
  })
  await lab.send('XADD', lab.stream, '*', 'requestId', 'r', 'data', '{"text":"x"}', 'replyTo', 'somebody')
  await until('a terminal', () => end.calls.figures[0]?.activeTerminals === 1)
  const [[position]] = await lab.send<[[string, string[]]]>('XRANGE', lab.stream, '-', '+')
  await lab.send('XCLAIM', lab.stream, 'echo', 'another one', '0', position)
  release()
  await until('the count', () => end.calls.figures[0]?.lateReplies === 1)
  expect(await lab.send('XPENDING', lab.stream, 'echo')).toMatchObject([
    1,
    position,
    position,
    [['another one', '1']],
  ])
})

test('the shared stream of replies is kept short, whoever writes by hand', async () => {
  const contract = echo(lab.stream)
  const fill = `for n = 1, 5000 do redis.call('XADD', KEYS[1], '*', 'requestId', n) end`
  for (let n = 0; n < 6; n++) await lab.send('EVAL', fill, '1', contract.replies)
  const end = await lab.open()
  await end.calls.reply(contract, {}, ({ text }) => ({ text }))
  await lab.send('XADD', lab.stream, '*', 'requestId', 'last', 'data', '{"text":"x"}')
  await until('a short stream', async () => (await lab.send<number>('XLEN', contract.replies)) < 20_200)
  expect((await lab.entries(contract.replies)).at(-1)).toEqual({ requestId: 'last', data: '{"text":"x"}' })
})

test('of large replies few are read at once', async () => {
  const contract = echo(lab.stream)
  const [asking, answering] = [await lab.open(), await lab.open()]
  const read = vi.spyOn(RedisReplyStream.prototype, 'read')
  await answering.calls.reply(contract, { terminals: 10 }, () => ({ text: 'x'.repeat(1_000_000) }))
  await Promise.all(Array.from({ length: 40 }, () => asking.calls.request(contract, { text: '' })))
  const limits = read.mock.calls.map(([limit]) => limit)
  read.mockRestore()
  expect(limits.at(-1)).toBeLessThanOrEqual(16)
})
