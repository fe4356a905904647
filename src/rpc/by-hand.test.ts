import { describe, expect, test } from 'vitest'
import { echo, rpcLab } from '../../test/support/rpc-lab.ts'
import { until } from '../../test/support/until.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { useCluster } from '../../test/support/use-cluster.ts'
import { RedisStreamLog } from '../redis/redis-log.ts'
import { slotOf } from '../redis/slots.ts'
import { RpcClient } from './rpc-client.ts'

const { server, admin } = useRedis()
const lab = rpcLab(server, admin)

const letters = () => lab.entries(`{${lab.stream}}:dead-letter`)

test('a request without replyTo is answered on the shared stream, once, and that stream is bounded', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  await end.calls.reply(contract, {}, ({ text }) => ({ text: `${text}!` }))
  await lab.send('XADD', lab.stream, '*', 'requestId', '1', 'data', '{"text":"hello"}')
  const shared = await until('the reply', async () => {
    const entries = await lab.entries(contract.replies)
    return entries.length > 0 && entries
  })
  expect(shared).toEqual([{ requestId: '1', data: '{"text":"hello!"}' }])
  await until('an empty stream', async () => (await lab.send('XLEN', lab.stream)) === 0)
})

test('where the shared stream is in the slot, its reply and the acknowledgement are one step', async () => {
  const contract = { ...echo(`{${lab.stream}}`), replies: `{${lab.stream}}:answers` }
  const end = await lab.open()
  await end.calls.reply(contract as ReturnType<typeof echo>, {}, ({ text }) => ({ text }))
  const fields = ['requestId', '1', 'data', '{"text":"hello"}']
  await lab.send('XADD', contract.stream, '*', ...fields)
  await until('the reply', async () => (await lab.entries(contract.replies)).length === 1)
  expect(await lab.entries(contract.replies)).toEqual([{ requestId: '1', data: '{"text":"hello"}' }])
})

describe('what is no request goes to the dead letters, and nothing stops', () => {
  test.each([
    ['broken JSON', ['requestId', 'r', 'data', '{"text":'], ['EVENT_UNDECODABLE']],
    ['no id', ['data', '{"text":"x"}'], ['Reject']],
    ['no data', ['requestId', 'r'], ['Reject']],
    ['a giant id', ['requestId', 'r'.repeat(10_000), 'data', '{"text":"x"}'], ['Reject']],
    ['the key of a stream as replyTo', ['requestId', 'r', 'data', '{}', 'replyTo', 'orders'], []],
    ['a key beside it', ['requestId', 'r', 'data', '{"text":"x"}', 'replyTo', '../dead-letter'], ['Reject']],
    ['a key in its slot', ['requestId', 'r', 'data', '{"text":"x"}', 'replyTo', '{x}:orders'], ['Reject']],
  ])('%s', async (_what, fields, errors) => {
    const contract = echo(lab.stream)
    const end = await lab.open()
    let runs = 0
    await end.calls.reply(contract, { terminals: 1 }, ({ text }) => {
      runs++
      return { text }
    })
    await lab.send('XADD', lab.stream, '*', ...fields)
    expect(await end.calls.request(contract, { text: 'after' })).toEqual({ text: 'after' })
    expect(runs).toBe(1)
    expect((await letters()).map((letter) => letter['deadletter-error'])).toEqual(errors)
    expect(await lab.send('EXISTS', 'orders')).toBe(0)
    await until('an empty stream', async () => (await lab.send('XLEN', lab.stream)) === 0)
  })
})

test('a reply stream that is something else costs its reply, and holds up nobody', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  await end.calls.reply(contract, {}, ({ text }) => ({ text }))
  await lab.send('SET', `{${lab.stream}}:rpc:reply:taken`, 'a text')
  await lab.send('XADD', lab.stream, '*', 'requestId', 'r', 'data', '{"text":"x"}', 'replyTo', 'taken')
  expect(await end.calls.request(contract, { text: 'after' })).toEqual({ text: 'after' })
  await until('the count', () => end.calls.figures[0]?.lateReplies === 1)
  await lab.send('DEL', `{${lab.stream}}:rpc:reply:taken`)
})

test('nonsense on a reply stream or among the notes is left out', async () => {
  const contract = echo(lab.stream)
  const end = await lab.open()
  await end.calls.reply(contract, {}, ({ text }) => ({ text }))
  await end.calls.request(contract, { text: '' })
  const replies = (await lab.keys()).find((key) => key.includes('rpc:reply:'))
  for (const fields of [
    ['x', 'y'],
    ['requestId', '__proto__', 'data', '{}'],
    ['requestId', 'r'.repeat(100_000)],
  ])
    await lab.send('XADD', replies!, '*', ...fields)
  for (const fields of [
    ['cancel', 'all'],
    ['cancel', '1-1'],
    ['credit', '1-1', 'parts', 'many'],
    ['x', 'y'],
  ])
    await lab.send('XADD', `{${lab.stream}}:rpc:notes`, '*', ...fields)
  expect(await end.calls.request(contract, { text: 'after' })).toEqual({ text: 'after' })
  await until('the count', () => end.calls.figures[0]?.lateReplies === 3)
})

describe('in a cluster', () => {
  const cluster = useCluster()
  test('all that is written with a reply is in one slot, and a shared stream elsewhere gets its reply too', async () => {
    const log = await RedisStreamLog.open({ cluster: { nodes: cluster.nodes } })
    const calls = new RpcClient(log, log.rpc)
    try {
      for (const name of ['weather-requests', 'a{b}c', 'a}b']) {
        const contract = echo(name)
        await calls.reply(contract, {}, ({ text }) => ({ text: `${text} of ${name}` }))
        expect(await calls.request(contract, { text: 'x' })).toEqual({ text: `x of ${name}` })
        expect(slotOf(log.rpc.replyStream(name, 'r'))).toBe(slotOf(name))
        await log.append(name, [{ fields: ['requestId', '1', 'data', '{"text":"by hand"}'] }])
        const replies = await until('the reply', async () => {
          const found = await log.read(contract.replies, '0-0', 10)
          return found.length > 0 && found
        })
        expect(replies).toMatchObject([
          { fields: ['requestId', '1', 'data', `{"text":"by hand of ${name}"}`] },
        ])
      }
      const all = echo('everybody', 'all')
      await calls.reply(all, {}, ({ text }) => ({ text }))
      expect(await calls.gather(all, { text: 'x' }, { quorum: 1 })).toMatchObject([{ reply: { text: 'x' } }])
      const parts = echo('parts', 'parts')
      await calls.reply(parts, {}, async function* ({ text }) {
        for (let n = 0; n < 100; n++) yield { text: `${text}${n}` }
      })
      let count = 0
      for await (const _ of calls.requestParts(parts, { text: 'x' })) count++
      expect(count).toBe(100)
    } finally {
      await calls.close(1_000)
      await log.close()
    }
  })
})
