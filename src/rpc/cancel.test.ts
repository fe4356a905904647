import { expect, test } from 'vitest'
import { echo, rpcLab } from '../../test/support/rpc-lab.ts'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'

const { server, admin } = useRedis()
const lab = rpcLab(server, admin)

test('cancelled before it was taken, a request is deleted and never run', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  const controller = new AbortController()
  const asked = failureOf(end.calls.request(contract, { text: 'never' }, { signal: controller.signal }))
  await until(
    'the request',
    async () => (await lab.send('EXISTS', lab.stream)) === 1 && (await length()) === 1,
  )
  controller.abort('changed my mind')
  expect(await asked).toMatchObject({ code: 'RPC_CANCELLED', cause: 'changed my mind' })
  await until('its end', async () => (await length()) === 0)
  const ran: string[] = []
  await end.calls.reply(contract, {}, ({ text }) => {
    ran.push(text)
    return { text }
  })
  await end.calls.request(contract, { text: 'after' })
  expect(ran).toEqual(['after'])
})

test('cancelled before it was even written, a request is taken back', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  await failureOf(end.calls.request(contract, { text: '' }, { timeout: 10 }))
  const controller = new AbortController()
  const asked = failureOf(end.calls.request(contract, { text: '' }, { signal: controller.signal }))
  controller.abort()
  expect(await asked).toMatchObject({ code: 'RPC_CANCELLED' })
  await end.close()
  expect(await lab.send('XLEN', lab.stream)).toBe(0)
})

test('cancelled while it runs, its handler is told, its terminal is free, and nothing is answered', async () => {
  const contract = echo(lab.stream)
  const [asking, answering] = [await lab.open(), await lab.open()]
  const reasons: unknown[] = []
  await answering.calls.reply(contract, { terminals: 1 }, async ({ text }, { signal }) => {
    if (text !== 'long') return { text }
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    reasons.push(signal.reason)
    return { text }
  })
  const controller = new AbortController()
  const { signal } = controller
  const asked = failureOf(asking.calls.request(contract, { text: 'long' }, { signal }))
  await until('a terminal', () => answering.calls.figures[0]?.activeTerminals === 1)
  controller.abort()
  expect(await asked).toMatchObject({ code: 'RPC_CANCELLED' })
  expect(await asking.calls.request(contract, { text: 'short' })).toEqual({ text: 'short' })
  expect(reasons).toMatchObject([{ code: 'RPC_CANCELLED' }])
  expect(asking.calls.figures).toMatchObject([{ pending: 0, lateReplies: 0 }])
  expect(answering.calls.figures).toMatchObject([{ activeTerminals: 0, lateReplies: 1 }])
  expect(await lab.send('PTTL', `{${lab.stream}}:rpc:notes`)).toBeGreaterThan(0)
})

test('a signal that is used for many requests keeps none of them', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  await end.calls.reply(contract, {}, ({ text }) => ({ text }))
  const { signal } = new AbortController()
  let listeners = 0
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
  signal.addEventListener = (...args: unknown[]) => {
    listeners++
    add(...(args as Parameters<typeof add>))
  }
  signal.removeEventListener = (...args: unknown[]) => {
    listeners--
    remove(...(args as Parameters<typeof remove>))
  }
  for (let n = 0; n < 20; n++) await end.calls.request(contract, { text: '' }, { signal })
  expect(listeners).toBe(0)
})

const length = () => lab.send<number>('XLEN', lab.stream)
