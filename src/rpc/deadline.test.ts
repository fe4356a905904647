import { expect, test, vi } from 'vitest'
import { echo, rpcLab } from '../../test/support/rpc-lab.ts'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { Deadlines } from './deadlines.ts'

const { server, admin } = useRedis()
const lab = rpcLab(server, admin)

test('a request whose time was over before a responder had it is not run, and counted', async () => {
  const contract = echo(lab.stream)
  const [asking, answering] = [await lab.open(), await lab.open()]
  const ran: string[] = []
  // Holds the one terminal until the time of the second request is over: then the second was in its hands as well.
  await answering.calls.reply(contract, { terminals: 1 }, async ({ text }, { signal }) => {
    ran.push(text)
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    return { text }
  })
  const first = failureOf(asking.calls.request(contract, { text: 'first' }, { timeout: 800 }))
  await until('the first that runs', () => ran.length === 1)
  // Written by hand, so that no requester takes it back.
  const life = ['timeout', '50', 'requestId', 'r', 'data', '{"text":"second"}']
  await lab.send('XADD', lab.stream, '*', ...life)
  expect(await first).toMatchObject({ code: 'RPC_TIMEOUT' })
  await until('the count', () => answering.calls.figures[0]?.expired === 1)
  expect(ran).toEqual(['first'])
  await until('an empty stream', async () => (await lab.send('XLEN', lab.stream)) === 0)
})

test('ten thousand time-outs leave no key, no entry and no timer', async () => {
  const end = await lab.open()
  const contract = echo(lab.stream)
  const ask = () => end.calls.request(contract, { text: 'x'.repeat(100) }, { timeout: 100 })
  await failureOf(ask())
  await until('what the first left', async () => (await lab.send('XLEN', lab.stream)) === 0)
  const [keys, memory] = [await lab.send('DBSIZE'), await memoryOf()]
  let timeouts = 0
  for (let round = 0; round < 5; round++) {
    const failures = await Promise.all(Array.from({ length: 2_000 }, () => failureOf(ask())))
    timeouts += failures.filter(({ code }) => code === 'RPC_TIMEOUT').length
  }
  expect(timeouts).toBe(10_000)
  await until('what all left', async () => (await lab.send('XLEN', lab.stream)) === 0)
  expect(await lab.send('DBSIZE')).toBe(keys)
  expect((await memoryOf()) - memory).toBeLessThan(500_000)
  expect(end.calls.figures).toMatchObject([{ pending: 0 }])

  async function memoryOf(): Promise<number> {
    const name = await lab.keys()
    const sizes = await Promise.all(name.map((key) => lab.send<number>('MEMORY', 'USAGE', key)))
    return sizes.reduce((sum, size) => sum + size, 0)
  }
})

test('a reply that comes too late is counted and dropped, at whichever end', async () => {
  const contract = echo(lab.stream)
  const [asking, answering] = [await lab.open(), await lab.open()]
  let release = () => {}
  await answering.calls.reply(contract, {}, async ({ text }) => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return { text }
  })
  expect(await failureOf(asking.calls.request(contract, { text: '' }, { timeout: 300 }))).toMatchObject({
    code: 'RPC_TIMEOUT',
  })
  await until('the terminal', () => answering.calls.figures[0]?.activeTerminals === 1)
  release()
  const late = () => [asking, answering].reduce((sum, { calls }) => sum + calls.figures[0]!.lateReplies, 0)
  await until('the count', () => late() === 1)
  const [replies] = await replyStreams()
  await lab.send('XADD', replies!, '*', 'requestId', 'of somebody else', 'data', '{}')
  await until('the count', () => late() === 2)

  async function replyStreams(): Promise<string[]> {
    return (await lab.keys()).filter((key) => key.includes('rpc:reply:'))
  }
})

test('a reply to a requester that is gone leaves no key', async () => {
  const contract = echo(lab.stream)
  const [asking, answering] = [await lab.open(), await lab.open()]
  let release = () => {}
  await answering.calls.reply(contract, {}, async ({ text }, { signal }) => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return { text: `${text}${signal.aborted}` }
  })
  const request = ['requestId', 'r', 'data', '{"text":""}', 'replyTo', 'nobody-there']
  await lab.send('XADD', lab.stream, '*', ...request)
  await until('the terminal', () => answering.calls.figures[0]?.activeTerminals === 1)
  release()
  await until('the count', () => answering.calls.figures[0]?.lateReplies === 1)
  expect((await lab.keys()).filter((key) => key.includes('rpc:reply:'))).toEqual([])
  await asking.close()
})

test('many deadlines have one timer, none ends too early, and what is taken out never ends', async () => {
  const over: number[] = []
  const began = performance.now()
  const times = new Map<number, number>()
  const timeouts = vi.spyOn(globalThis, 'setTimeout')
  const deadlines = new Deadlines<number>((items) => {
    over.push(...items)
    for (const item of items) times.set(item, performance.now() - began)
  })
  const steps = Array.from({ length: 1_000 }, (_, n) => deadlines.add(n, 30 + (n % 5) * 20))
  for (let n = 0; n < 1_000; n += 2) deadlines.delete(n, steps[n]!)
  expect(timeouts).toHaveBeenCalledTimes(1)
  timeouts.mockRestore()
  await until('all', () => over.length === 500)
  for (const [item, ms] of times) expect(ms).toBeGreaterThanOrEqual(30 + (item % 5) * 20 - 1)
  expect(over.every((n) => n % 2 === 1)).toBe(true)
  deadlines.stop()
})
