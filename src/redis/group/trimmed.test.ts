import { describe, expect, test } from 'vitest'
import { acknowledge, positions, redisLab } from '../../../test/support/redis-lab.ts'
import { until } from '../../../test/support/until.ts'
import { deadLetterKey, groupKeys } from '../keys.ts'

const lab = redisLab()
const counted = () => lab.send<string | null>('HGET', groupKeys(lab.stream, 'group').state, 'trimmed')
const trimAll = () => lab.send('XTRIM', lab.stream, 'MAXLEN', '0')

describe('entries that were trimmed while they were pending', () => {
  test('are counted, warned of and leave a tombstone each, whoever held them', async () => {
    const dead = await lab.join({ deadAfterMs: 300 })
    await lab.append(5)
    const claims = await lab.claimCount(dead, 5)
    await dead.settle(
      positions(claims.slice(0, 2)).map((position) => ({ kind: 'retry', position, attempts: 1, delayMs: 0 })),
    )
    await trimAll()
    const heir = await lab.join({ deadAfterMs: 300 })
    lab.keepAlive(heir, 30)
    await until('the tombstones', async () => {
      expect(await lab.claim(heir)).toEqual([])
      return (await counted()) === '5'
    })
    expect(await lab.send('XLEN', deadLetterKey(lab.stream))).toBe(5)
    const warned = lab.warnings.filter((line) => JSON.stringify(line).includes('trimmed'))
    expect(warned.map((line) => (line as { count: number }).count).reduce((a, b) => a + b)).toBe(5)
    const [pending] = await lab.send<[number]>('XPENDING', lab.stream, 'group')
    expect(pending).toBe(0)
  })

  test('hold up nothing where the dead letters hold something else', async () => {
    const consumer = await lab.join()
    await lab.append(1)
    const [claim] = await lab.claimCount(consumer, 1)
    await lab.send('SET', deadLetterKey(lab.stream), 'text')
    await consumer.settle([{ kind: 'retry', position: claim!.position, attempts: 1, delayMs: 0 }])
    await trimAll()
    await until('the count', async () => {
      await lab.claim(consumer)
      return (await counted()) === '1'
    })
    const [position] = await lab.append(1)
    expect(positions(await lab.claimCount(consumer, 1))).toEqual([position])
  })

  test('and that run may still be acknowledged: a heartbeat does not drop them', async () => {
    const consumer = await lab.join({ minIdleMs: 3 })
    await lab.append(3)
    const claims = await lab.claimCount(consumer, 3)
    await lab.send('XTRIM', lab.stream, 'MAXLEN', '1')
    for (let n = 0; n < 3; n++) expect(await consumer.heartbeat()).toEqual([])
    expect(await consumer.begin(claims.map((claim) => ({ ...claim, origin: 'retry' as const })))).toEqual([])
    expect(await consumer.settle(acknowledge(claims))).toEqual([])
    expect(await counted()).toBe(null)
  })

  test('also one by one from the middle, are told as lost once they are noticed', async () => {
    const consumer = await lab.join({ minIdleMs: 3 })
    await lab.append(3)
    const [, second] = positions(await lab.claimCount(consumer, 3))
    await lab.send('XDEL', lab.stream, second!)
    const lost: string[] = []
    await until('the loss', async () => lost.push(...(await consumer.heartbeat())))
    expect([lost, await counted()]).toEqual([[second], '1'])
  })

  test('are counted also when a member leaves', async () => {
    const consumer = await lab.join()
    await lab.append(2)
    await lab.claimCount(consumer, 2)
    await trimAll()
    await consumer.leave()
    expect(await counted()).toBe('2')
  })
})
