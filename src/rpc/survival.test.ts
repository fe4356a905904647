import { afterEach, describe, expect, test } from 'vitest'
import { Child } from '../../test/support/child-process.ts'
import {
  DEAD_AFTER_MS,
  echo,
  rpcLab,
  type ResponderChildOptions,
  type ResponderLine,
} from '../../test/support/rpc-lab.ts'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { slotPrefix } from '../redis/slots.ts'

const { server, admin } = useRedis()
const lab = rpcLab(server, admin)
const children: Child<ResponderLine>[] = []
afterEach(() => Promise.all(children.splice(0).map((child) => child.end())))

async function startChild(mode: ResponderChildOptions['mode']): Promise<Child<ResponderLine>> {
  const options: ResponderChildOptions = { url: server.url, stream: lab.stream, mode }
  const child = new Child<ResponderLine>('./responder-child.ts', options)
  children.push(child)
  await until('a child that is ready', () => child.lines.some(({ ready }) => ready))
  return child
}

const started = (child: Child<ResponderLine>) => child.lines.filter(({ start }) => start !== undefined)

describe('a responder', () => {
  test('that is killed with requests in its hands: another one answers them in time, each once', async () => {
    const contract = echo(lab.stream)
    const child = await startChild('hang')
    const asking = await lab.open()
    const texts = ['a', 'b', 'c', 'd', 'e']
    const asked = Promise.all(texts.map((text) => asking.calls.request(contract, { text })))
    await until('all in its hands', () => started(child).length === 5)
    const heir = await lab.open()
    await heir.calls.reply(contract, { deadAfterMs: DEAD_AFTER_MS }, ({ text }, { attempt }) => ({
      text: `${text}${attempt}`,
    }))
    child.kill('SIGKILL')
    expect((await asked).map(({ text }) => text)).toEqual(texts.map((text) => `${text}2`))
    expect(asking.calls.figures).toMatchObject([{ lateReplies: 0 }])
    await until('an empty stream', async () => (await lab.send('XLEN', lab.stream)) === 0)
  })

  test('that was frozen, and goes on when another one has answered: its reply is dropped', async () => {
    const contract = echo(lab.stream)
    const child = await startChild('slow')
    const asking = await lab.open()
    const asked = asking.calls.request(contract, { text: 'x' })
    await until('its start', () => started(child).length === 1)
    child.kill('SIGSTOP')
    const heir = await lab.open()
    await heir.calls.reply(contract, { deadAfterMs: DEAD_AFTER_MS }, () => ({ text: 'by the heir' }))
    expect(await asked).toEqual({ text: 'by the heir' })
    const replies = (await lab.keys()).find((key) => key.includes('rpc:reply:'))
    const before = await lab.send('XINFO', 'STREAM', replies!)
    child.kill('SIGCONT')
    await until('its end', () => child.lines.some(({ end }) => end === 'x'))
    // It answers this one, and so has settled what came before.
    await heir.close()
    expect(await asking.calls.request(contract, { text: 'y' })).toEqual({ text: 'y by the child' })
    const after = await lab.send('XINFO', 'STREAM', replies!)
    expect(added(after) - added(before)).toBe(1)
    expect(asking.calls.figures).toMatchObject([{ lateReplies: 0 }])
  })

  test('that stops ends what runs, and hands back what has no time for it', async () => {
    const contract = echo(lab.stream)
    const [asking, first, second] = [await lab.open(), await lab.open(), await lab.open()]
    let signals = 0
    await first.calls.reply(contract, { terminals: 1 }, async ({ text }, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      signals++
      return { text: `${text} by the first` }
    })
    const asked = asking.calls.request(contract, { text: 'x' })
    await until('a terminal', () => first.calls.figures[0]?.activeTerminals === 1)
    const closing = first.close(50)
    await second.calls.reply(contract, {}, ({ text }) => ({ text: `${text} by the second` }))
    await closing
    expect(await asked).toEqual({ text: 'x by the second' })
    expect(signals).toBe(1)
  })
})

describe('a requester', () => {
  test('that stops tells its callers at once, takes back what nobody has, and leaves no key', async () => {
    const contract = echo(lab.stream)
    const [asking, answering] = [await lab.open(), await lab.open()]
    let told = 0
    await answering.calls.reply(contract, { terminals: 1 }, async ({ text }, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      told++
      return { text }
    })
    const asked = Array.from({ length: 10 }, (_, n) =>
      failureOf(asking.calls.request(contract, { text: `${n}` })),
    )
    await until('one that runs', () => answering.calls.figures[0]?.activeTerminals === 1)
    await until('all', async () => (await lab.send('XLEN', lab.stream)) === 10)
    const began = performance.now()
    const closing = asking.close()
    for (const error of await Promise.all(asked)) expect(error).toMatchObject({ code: 'RPC_INTERRUPTED' })
    expect(performance.now() - began).toBeLessThan(1_000)
    await closing
    expect((await lab.keys()).filter((key) => key.includes('rpc:reply:'))).toEqual([])
    await until('the one that ran', () => told === 1)
    await until('an empty stream', async () => (await lab.send('XLEN', lab.stream)) === 0)
    expect(await failureOf(asking.calls.request(contract, { text: '' }))).toMatchObject({ code: 'CLOSED' })
  })

  test('that stops while Redis hangs tells its callers at once, and ends soon', async () => {
    const end = await lab.open()
    const asked = failureOf(end.calls.request(echo(lab.stream), { text: '' }))
    await until('the request', async () => (await lab.send('XLEN', lab.stream)) === 1)
    await server.kill('SIGSTOP')
    const began = performance.now()
    const closing = end.calls.close(1_000)
    expect(await asked).toMatchObject({ code: 'RPC_INTERRUPTED' })
    expect(performance.now() - began).toBeLessThan(1_000)
    await closing
    expect(performance.now() - began).toBeLessThan(8_000)
    await server.kill('SIGCONT')
  })

  test('that was killed: its reply stream expires, and responders go on', async () => {
    const contract = echo(lab.stream)
    const child = await startChild('requester')
    await until('its request', () => started(child).length === 1)
    const prefix = `${slotPrefix(lab.stream)}rpc:reply:`
    const replies = await until('its reply stream', async () =>
      (await lab.keys()).find((key) => key.startsWith(prefix)),
    )
    await until('the request', async () => (await lab.send('XLEN', lab.stream)) === 1)
    child.kill('SIGKILL')
    await child.ended
    expect(await lab.send('PTTL', replies)).toBeGreaterThan(0)
    // As time would, only sooner.
    await lab.send('PEXPIRE', replies, '1')
    await until('its end', async () => (await lab.send('EXISTS', replies)) === 0)
    const end = await lab.open()
    await end.calls.reply(contract, {}, ({ text }) => ({ text }))
    await until('the count', () => end.calls.figures[0]?.lateReplies === 1)
    expect(await end.calls.request(contract, { text: 'next' })).toEqual({ text: 'next' })
    expect(await lab.send('EXISTS', replies)).toBe(0)
  })

  test('keeps its reply stream alive, and forgets what it has read', async () => {
    const contract = echo(lab.stream)
    const end = await lab.open({ replyTtlMs: 300 })
    await end.calls.reply(contract, { terminals: 100 }, ({ text }) => ({ text }))
    await Promise.all(Array.from({ length: 500 }, () => end.calls.request(contract, { text: '' })))
    const replies = (await lab.keys()).find((key) => key.includes('rpc:reply:'))
    await until('an empty reply stream', async () => (await lab.send<number>('XLEN', replies!)) <= 1)
    const began = performance.now()
    await until('a second', () => performance.now() - began > 900)
    expect(await lab.send('EXISTS', replies!)).toBe(1)
    // Somebody deletes it: it is there again soon.
    await lab.send('DEL', replies!)
    await until('a new one', async () => (await lab.send('EXISTS', replies!)) === 1)
    expect(await end.calls.request(contract, { text: 'x' })).toEqual({ text: 'x' })
  })
})

test('Redis that restarts in the middle: every call ends by a reply or an error that says why', async () => {
  const contract = echo(lab.stream)
  const [asking, answering] = [await lab.open(), await lab.open()]
  await answering.calls.reply(contract, { terminals: 20 }, ({ text }) => ({ text }))
  const ends: Promise<string>[] = []
  const enough = new AbortController()
  const ask = async () => {
    for (let n = 0; !enough.signal.aborted; n++) {
      const asked = asking.calls.request(contract, { text: `${n}` }, { timeout: 1_500 })
      ends.push(
        asked.then(
          () => 'reply',
          (error: { code: string }) => error.code,
        ),
      )
      await ends.at(-1)
    }
  }
  const callers = Promise.all(Array.from({ length: 20 }, ask))
  await until('traffic', () => ends.length > 500)
  await server.kill('SIGKILL')
  await server.restart()
  const before = ends.length
  await until(
    'traffic again',
    async () =>
      (await Promise.all(ends.slice(-20))).every((end) => end === 'reply') && ends.length > before + 500,
  )
  enough.abort()
  await callers
  const kinds = new Set(await Promise.all(ends))
  kinds.delete('reply')
  for (const kind of kinds) expect(['RPC_TIMEOUT', 'REDIS_UNAVAILABLE']).toContain(kind)
  expect(asking.calls.figures).toMatchObject([{ pending: 0 }])
  await until('an empty stream', async () => (await lab.send('XLEN', lab.stream)) === 0)
})

const added = (info: unknown): number => {
  const flat = info as unknown[]
  return Number(flat[flat.indexOf('entries-added') + 1])
}
