import { expect, expectTypeOf, test } from 'vitest'
import { echo, rpcLab } from '../../test/support/rpc-lab.ts'
import { failureOf, until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { QuorumError, type GatheredReply } from './rpc-error.ts'

const { server, admin } = useRedis()
const lab = rpcLab(server, admin)

test('two of three are enough, with one slow and one that fails; whoever is slow is told to stop', async () => {
  const contract = echo(lab.stream, 'all')
  const asking = await lab.open()
  const told: unknown[] = []
  const [first, second, slow, failing] = [
    await lab.open(),
    await lab.open(),
    await lab.open(),
    await lab.open(),
  ]
  for (const [end, name] of [
    [first, 'first'],
    [second, 'second'],
  ] as const)
    await end.calls.reply(contract, {}, () => ({ text: name }))
  await failing.calls.reply(contract, {}, ({ text }) => {
    throw contract.error('UNKNOWN', { text })
  })
  await slow.calls.reply(contract, {}, async (_request, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    told.push(signal.reason)
    return { text: 'slow' }
  })
  const replies = await asking.calls.gather(contract, { text: 'x' }, { quorum: 2 })
  expectTypeOf(replies).toEqualTypeOf<GatheredReply<{ text: string }>[]>()
  expect(replies.map(({ reply }) => reply.text).sort()).toEqual(['first', 'second'])
  expect(new Set(replies.map(({ responder }) => responder)).size).toBe(2)
  await until('the one that is slow', () => told.length === 1)
  expect(told).toMatchObject([{ code: 'RPC_CANCELLED' }])
  expect(asking.calls.figures).toMatchObject([{ pending: 0 }])
  expect(await lab.send('PTTL', lab.stream)).toBeGreaterThan(0)
})

test('too few in time: the error has those that came, and why others failed', async () => {
  const contract = echo(lab.stream, 'all')
  const [asking, good, bad] = [await lab.open(), await lab.open(), await lab.open()]
  await good.calls.reply(contract, {}, ({ text }) => ({ text }))
  await bad.calls.reply(contract, {}, ({ text }) => {
    throw contract.error('UNKNOWN', { text })
  })
  const error = await failureOf(asking.calls.gather(contract, { text: 'x' }, { quorum: 2, timeout: 500 }))
  expect(error).toBeInstanceOf(QuorumError)
  expect(error).toMatchObject({
    code: 'RPC_QUORUM_MISSED',
    replies: [{ reply: { text: 'x' } }],
    failures: [{ code: 'UNKNOWN' }],
  })
})

test('with no responder at all nothing is left but a stream that expires', async () => {
  const contract = echo(lab.stream, 'all')
  const end = await lab.open()
  const asked = end.calls.gather(contract, { text: 'x' }, { quorum: 1, timeout: 1_000 })
  expect(await failureOf(asked)).toMatchObject({ code: 'RPC_QUORUM_MISSED', replies: [] })
  expect(await lab.send('PTTL', lab.stream)).toBeGreaterThan(0)
})

test('no more run at once than there are terminals, and what waits is not run when its time is over', async () => {
  const contract = echo(lab.stream, 'all')
  const [asking, answering] = [await lab.open(), await lab.open()]
  let most = 0
  let running = 0
  await answering.calls.reply(contract, { terminals: 2 }, async ({ text }, { signal }) => {
    most = Math.max(most, ++running)
    if (text === 'long') await new Promise((resolve) => signal.addEventListener('abort', resolve))
    running--
    return { text }
  })
  const asked = Array.from({ length: 4 }, () =>
    failureOf(asking.calls.gather(contract, { text: 'long' }, { quorum: 1, timeout: 400 })),
  )
  await Promise.all(asked)
  await until('those that waited', () => answering.calls.figures[0]?.expired === 2)
  expect(most).toBe(2)
  expect(await asking.calls.gather(contract, { text: 'x' }, { quorum: 1 })).toMatchObject([
    { reply: { text: 'x' } },
  ])
})

test.each([0, 1.5, Number.NaN, -1])('refuses a quorum of %s', async (quorum) => {
  const end = await lab.open()
  const asked = end.calls.gather(echo(lab.stream, 'all'), { text: '' }, { quorum })
  expect(await failureOf(asked)).toMatchObject({ code: 'CONFIGURATION_INVALID' })
})
