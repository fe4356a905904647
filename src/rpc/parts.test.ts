import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { Child } from '../../test/support/child-process.ts'
import { DEAD_AFTER_MS, echo, rpcLab, type ResponderLine } from '../../test/support/rpc-lab.ts'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { MillraceError } from '../core/errors.ts'
import { PART_WINDOW, Parts } from './parts.ts'

const { server, admin } = useRedis()
const lab = rpcLab(server, admin)
const children: Child<ResponderLine>[] = []
afterEach(() => Promise.all(children.splice(0).map((child) => child.end())))

async function collect<T>(parts: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const part of parts) into.push(part)
  return into
}

test('many parts come in their order and to their end', async () => {
  const contract = echo(lab.stream, 'parts')
  const [asking, answering] = [await lab.open(), await lab.open()]
  await answering.calls.reply(contract, {}, async function* ({ text }) {
    for (let n = 0; n < 500; n++) yield { text: `${text}${n}` }
  })
  const parts = asking.calls.requestParts(contract, { text: 'part ' })
  expectTypeOf(parts).toEqualTypeOf<AsyncGenerator<{ text: string }, void>>()
  const texts = (await collect(parts)).map(({ text }) => text)
  expect(texts).toEqual(Array.from({ length: 500 }, (_, n) => `part ${n}`))
  expect(await collect(asking.calls.requestParts(contract, { text: '' }))).toHaveLength(500)
  expect(asking.calls.figures).toMatchObject([{ pending: 0, lateReplies: 0 }])
})

test('no parts at all are an answer too', async () => {
  const contract = echo(lab.stream, 'parts')
  const end = await lab.open()
  await end.calls.reply(contract, {}, async function* () {})
  expect(await collect(end.calls.requestParts(contract, { text: '' }))).toEqual([])
})

test('a responder is never more than a few parts ahead of whoever reads them', async () => {
  const contract = echo(lab.stream, 'parts')
  const [asking, answering] = [await lab.open(), await lab.open()]
  let made = 0
  await answering.calls.reply(contract, {}, async function* () {
    for (; made < 1_000; made++) yield { text: '' }
  })
  const parts = asking.calls.requestParts(contract, { text: '' })
  await parts.next()
  await until('what it may', () => made >= PART_WINDOW)
  // Each part that is read allows one more, in steps.
  for (let taken = 1; taken <= 300; taken++) {
    expect(made).toBeLessThanOrEqual(taken + PART_WINDOW + 1)
    await parts.next()
  }
  await parts.return()
})

test('whoever breaks off ends the generator, and its terminal is free', async () => {
  const contract = echo(lab.stream, 'parts')
  const [asking, answering] = [await lab.open(), await lab.open()]
  let ended = 0
  await answering.calls.reply(contract, { terminals: 1 }, async function* () {
    try {
      for (;;) yield { text: '' }
    } finally {
      ended++
    }
  })
  for (let round = 1; round <= 3; round++) {
    let taken = 0
    for await (const _ of asking.calls.requestParts(contract, { text: '' })) if (++taken === 5) break
    expect(taken).toBe(5)
    await until('its end', () => ended === round)
  }
  expect(asking.calls.figures).toMatchObject([{ pending: 0 }])
  await until('an empty stream', async () => (await lab.send('XLEN', lab.stream)) === 0)
})

test('an error in the middle comes behind the parts before it', async () => {
  const contract = echo(lab.stream, 'parts')
  const end = await lab.open()
  await end.calls.reply(contract, {}, async function* ({ text }) {
    yield { text: 'first' }
    throw contract.error('UNKNOWN', { text })
  })
  const seen: { text: string }[] = []
  const error = await failureOf(collect(end.calls.requestParts(contract, { text: 'x' }), seen))
  expect(seen).toEqual([{ text: 'first' }])
  expect(error).toMatchObject({ code: 'UNKNOWN', data: { text: 'x' } })
})

test('a part that does not fit ends the answer, and the generator', async () => {
  const contract = echo(lab.stream, 'parts')
  const end = await lab.open()
  await end.calls.reply(contract, {}, async function* () {
    yield { text: 'first' }
    yield { text: 5 } as never
  })
  const seen: { text: string }[] = []
  const error = await failureOf(collect(end.calls.requestParts(contract, { text: 'x' }), seen))
  expect(seen).toEqual([{ text: 'first' }])
  expect(error).toMatchObject({ code: 'RPC_FAILED' })
})

describe('a responder that dies', () => {
  const startChild = async (): Promise<Child<ResponderLine>> => {
    const child = new Child<ResponderLine>('./responder-child.ts', {
      url: server.url,
      stream: lab.stream,
      mode: 'parts',
    })
    children.push(child)
    await until('a child that is ready', () => child.lines.some(({ ready }) => ready))
    return child
  }

  test('in the middle of an answer: what came stands, and the answer is interrupted', async () => {
    const contract = echo(lab.stream, 'parts')
    const child = await startChild()
    const asking = await lab.open()
    const seen: { text: string }[] = []
    const asked = failureOf(collect(asking.calls.requestParts(contract, { text: 'part' }), seen))
    await until('three parts', () => seen.length === 3)
    child.kill('SIGKILL')
    const heir = await lab.open()
    await heir.calls.reply(contract, { deadAfterMs: DEAD_AFTER_MS }, async function* () {
      yield { text: 'of another start' }
      yield { text: 'of another start' }
    })
    expect(await asked).toMatchObject({ code: 'RPC_INTERRUPTED' })
    expect(seen.map(({ text }) => text)).toEqual(['part 0', 'part 1', 'part 2'])
    await until('an empty stream', async () => (await lab.send('XLEN', lab.stream)) === 0)
  })
})

describe('the parts of two starts', () => {
  const make = () => {
    const said: string[] = []
    const parts = new Parts({
      allow: () => {},
      cancel: () => void said.push('cancel'),
      value: (json) => json,
      error: async () => new Error('told'),
    })
    return { parts, said }
  }
  const part = (attempt: number, number: number) => ({
    requestId: 'r',
    data: `${attempt}.${number}`,
    part: String(number),
    attempt: String(attempt),
  })

  test('what a former start still says is left out', async () => {
    const { parts } = make()
    expect(parts.take(part(2, 0))).toBe(false)
    expect(parts.take(part(1, 0))).toBe(false)
    expect(parts.take(part(2, 1))).toBe(false)
    expect(parts.take({ requestId: 'r', end: '2', attempt: '2' })).toBe(true)
    expect(await collect({ [Symbol.asyncIterator]: () => parts })).toEqual(['2.0', '2.1'])
  })

  test('a part that is missing ends the answer', async () => {
    const { parts, said } = make()
    parts.take(part(1, 0))
    expect(parts.take(part(1, 2))).toBe(true)
    expect(said).toEqual(['cancel'])
    expect(await parts.next()).toMatchObject({ value: '1.0' })
    expect(await failureOf(parts.next())).toMatchObject({ code: 'RPC_INTERRUPTED' })
    expect(await parts.next()).toEqual({ done: true, value: undefined })
  })

  test('a time-out comes behind what is there', async () => {
    const { parts } = make()
    parts.take(part(1, 0))
    parts.fail(new MillraceError('RPC_TIMEOUT', 'over'))
    expect(await parts.next()).toMatchObject({ value: '1.0' })
    expect(await failureOf(parts.next())).toMatchObject({ code: 'RPC_TIMEOUT' })
  })
})
