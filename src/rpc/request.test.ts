import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { echo, rpcLab } from '../../test/support/rpc-lab.ts'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { correlated, correlationId } from '../core/correlation.ts'
import { rpc } from './contract.ts'
import type { RpcError } from './rpc-error.ts'

const { server, admin } = useRedis()
const lab = rpcLab(server, admin)

test('a reply comes back as the contract types it', async () => {
  const contract = rpc('numbers', {
    stream: lab.stream,
    request: z.object({ n: z.string().transform(Number) }),
    reply: z.object({ square: z.number().transform(String) }),
  })
  const [asking, answering] = [await lab.open(), await lab.open()]
  await answering.calls.reply(contract, {}, ({ n }, context) => {
    expectTypeOf(n).toEqualTypeOf<number>()
    expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>()
    return { square: n * n }
  })
  const reply = await asking.calls.request(contract, { n: '7' })
  expectTypeOf(reply).toEqualTypeOf<{ square: string }>()
  expect(reply).toEqual({ square: '49' })
  // @ts-expect-error -- a number where the contract takes a text
  void asking.calls.request(contract, { n: 7 }).catch(() => {})
  // @ts-expect-error -- parts of a contract that has one reply
  void asking.calls.requestParts(contract, { n: '7' })
})

test('many requests at once each get their own reply, and nothing is left but the stream', async () => {
  const contract = echo(lab.stream)
  const [asking, other, answering] = [await lab.open(), await lab.open(), await lab.open()]
  await answering.calls.reply(contract, { terminals: 50 }, ({ text }) => ({ text }))
  const texts = Array.from({ length: 2_000 }, (_, n) => `text ${n}`)
  const replies = await Promise.all(
    texts.map((text, n) => (n % 2 ? asking : other).calls.request(contract, { text })),
  )
  expect(replies.map(({ text }) => text)).toEqual(texts)
  expect(asking.calls.figures).toMatchObject([{ pending: 0, lateReplies: 0 }])
  expect(answering.calls.figures).toMatchObject([{ activeTerminals: 0, expired: 0 }])
  await until('the last acknowledgement', async () => (await lab.send('XLEN', lab.stream)) === 0)
  await Promise.all([asking.close(), other.close(), answering.close()])
  const group = `{${lab.stream}}:group:echo`
  expect((await lab.keys()).filter((key) => !key.startsWith(group))).toEqual([lab.stream])
})

describe('a handler that fails', () => {
  test('with an error of the contract: the same code, message and data', async () => {
    const contract = echo(lab.stream)
    const end = await lab.open()
    await end.calls.reply(contract, {}, ({ text }) => {
      throw contract.error('UNKNOWN', { text }, `there is no ${text}`)
    })
    const error: unknown = await failureOf(end.calls.request(contract, { text: 'x' }))
    expect(error).toMatchObject({ name: 'RpcError', code: 'UNKNOWN', message: 'there is no x' })
    if (!contract.isError(error, 'UNKNOWN')) throw error
    expectTypeOf(error).toEqualTypeOf<RpcError<'UNKNOWN', { text: string }>>()
    expect(error.data.text).toBe('x')
  })

  test.each([
    ['any other error', () => Promise.reject(new Error('password=hunter2'))],
    ['undefined', () => Promise.reject(undefined)],
    ['a reply that does not fit', () => ({ text: 5 }) as never],
    ['a reply that is too large', () => ({ text: 'x'.repeat(1_100_000) })],
  ])('with %s: RPC_FAILED, and what it says stays with the responder', async (_what, handler) => {
    const contract = echo(lab.stream)
    const end = await lab.open()
    let starts = 0
    await end.calls.reply(contract, {}, () => {
      starts++
      return handler()
    })
    const error = await failureOf(end.calls.request(contract, { text: 'x' }))
    expect(error).toMatchObject({ code: 'RPC_FAILED' })
    expect(String(error.message)).not.toContain('hunter2')
    expect(end.lines).toMatchObject([{ contract: 'echo', stream: lab.stream }])
    expect(starts).toBe(1)
  })

  test('with data that its own contract refuses: RPC_FAILED', async () => {
    const contract = echo(lab.stream)
    const end = await lab.open()
    await end.calls.reply(contract, {}, () => {
      throw contract.error('UNKNOWN', { text: 5 } as never)
    })
    expect(await failureOf(end.calls.request(contract, { text: 'x' }))).toMatchObject({ code: 'RPC_FAILED' })
    expect(end.lines).toHaveLength(1)
  })
})

test('a request that does not fit is refused by whoever finds out first', async () => {
  const strict = echo(lab.stream)
  const loose = rpc('echo', { stream: lab.stream, request: z.unknown(), reply: z.unknown() })
  const end = await lab.open()
  await end.calls.reply(strict, {}, ({ text }) => ({ text }))
  const here = await failureOf(end.calls.request(strict, { text: 5 } as never))
  expect(here).toMatchObject({ code: 'EVENT_INVALID', issues: [{ path: 'data.text' }] })
  const there = await failureOf(end.calls.request(loose, { text: 5 }))
  expect(there).toMatchObject({
    name: 'InvalidError',
    code: 'EVENT_INVALID',
    issues: [{ path: 'data.text' }],
  })
  expect(there.message).toBe(here.message)
})

test('a reply that the requester can not read is a failure of the call', async () => {
  const loose = rpc('echo', { stream: lab.stream, request: z.unknown(), reply: z.unknown() })
  const end = await lab.open()
  await end.calls.reply(loose, {}, () => ({ text: 5 }))
  const error = await failureOf(end.calls.request(echo(lab.stream), { text: 'x' }))
  expect(error).toMatchObject({ code: 'RPC_FAILED' })
  expect(error.message).toContain('do both ends have the same contract?')
})

test('the id of what it came of travels with a request', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  await end.calls.reply(contract, {}, () => ({ text: correlationId() ?? 'none' }))
  const asked = await correlated('order-7', () => end.calls.request(contract, { text: '' }))
  expect(asked.text).toBe('order-7')
})

test('as many run at once as there are terminals, and no request waits behind one that runs', async () => {
  const contract = echo(lab.stream)
  const [slow, free] = [await lab.open(), await lab.open()]
  const release: (() => void)[] = []
  const block = () => new Promise<void>((resolve) => release.push(resolve))
  await slow.calls.reply(contract, { terminals: 5 }, async ({ text }) => {
    await block()
    return { text }
  })
  const first: Promise<unknown>[] = []
  for (let n = 1; n <= 5; n++) {
    first.push(free.calls.request(contract, { text: 'slow' }))
    await until(`${n} that run`, () => release.length === n)
  }
  expect(slow.calls.figures).toMatchObject([{ activeTerminals: 5 }])
  await free.calls.reply(contract, { terminals: 1 }, ({ text }) => ({ text }))
  const quick = Array.from({ length: 20 }, () => free.calls.request(contract, { text: 'quick' }))
  await Promise.all(quick)
  expect(release).toHaveLength(5)
  for (const end of release) end()
  await Promise.all(first)
})

test.each([
  ['a time that is none', { timeout: 0 }, 'CONFIGURATION_INVALID'],
  ['a time past what timers take', { timeout: 2 ** 31 }, 'CONFIGURATION_INVALID'],
  ['a signal that is aborted already', { signal: AbortSignal.abort('no') }, 'RPC_CANCELLED'],
])('refuses %s, with nothing written', async (_what, options, code) => {
  const end = await lab.open()
  expect(await failureOf(end.calls.request(echo(lab.stream), { text: '' }, options))).toMatchObject({ code })
  expect(await lab.keys()).toEqual([])
})

test('no more wait at once than may', async () => {
  const end = await lab.open({ maxPending: 2 })
  const contract = echo(lab.stream)
  const waiting = [1, 2].map(() => end.calls.request(contract, { text: '' }).catch((error: unknown) => error))
  expect(await failureOf(end.calls.request(contract, { text: '' }))).toMatchObject({ code: 'RPC_BUSY' })
  await end.close()
  expect(await Promise.all(waiting)).toMatchObject([{ code: 'RPC_INTERRUPTED' }, { code: 'RPC_INTERRUPTED' }])
})
