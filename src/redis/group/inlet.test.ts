import { describe, expect, test } from 'vitest'
import { acknowledge, positions, redisLab } from '../../../test/support/redis-lab.ts'
import { until } from '../../../test/support/until.ts'
import type { Consumer } from '../../core/stream-log.ts'
import { COPY_FIELDS, inletKey } from '../keys.ts'

const lab = redisLab()
const inlet = () => inletKey(lab.stream, 'group')

const write = (...fields: string[]) => lab.send<string>('XADD', inlet(), '*', ...fields)
const copy = (number: number) =>
  write('number', String(number), COPY_FIELDS.position, '1-1', COPY_FIELDS.cause, 'redrive')

/** No key is left whose name begins with that of the inlet; claims go on meanwhile. */
const disappears = (consumer: Consumer) =>
  until('the end of the inlet', async () => {
    await lab.claim(consumer, 10, 10)
    return (await lab.keys()).every((key) => !key.startsWith(inlet()))
  })

describe('the inlet of a group', () => {
  test('disappears with its companions when all of it is settled, and comes again', async () => {
    const consumer = await lab.join()
    for (let round = 0; round < 3; round++) {
      await copy(1)
      await copy(2)
      const claims = await lab.claimCount(consumer, 2)
      const letter = { error: 'E', reason: 'r' }
      const [first, second] = positions(claims)
      await consumer.settle([
        { kind: 'acknowledge', position: first! },
        { kind: 'dead-letter', position: second!, attempts: 1, letter },
      ])
      await disappears(consumer)
      expect(await consumer.heartbeat()).toEqual([])
      expect((await lab.keys()).some((key) => key.startsWith(inlet()))).toBe(false)
    }
  })

  test('loses nothing to its end while somebody writes', async () => {
    const consumer = await lab.join()
    const total = 600
    const writing = (async () => {
      for (let number = 0; number < total; number++) await copy(number)
    })()
    const seen: number[] = []
    const names = new Set<string>()
    await until('all of them', async () => {
      const claims = await lab.claim(consumer, 10, 5)
      for (const { fields, position } of claims) {
        seen.push(Number(fields[1]))
        names.add(position)
      }
      expect(await consumer.settle(acknowledge(claims))).toEqual([])
      return seen.length >= total
    })
    await writing
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, number) => number))
    expect(names.size).toBe(total)
    await disappears(consumer)
  })

  test('that holds what nobody copied brings it as it is, and buries it under its own position', async () => {
    const consumer = await lab.join()
    const id = await write('a', '1')
    const id2 = await write(COPY_FIELDS.position, 'x')
    const claims = await lab.claimCount(consumer, 2)
    expect(claims.map(({ position, fields, copyOf }) => [position, fields, copyOf])).toEqual([
      [`inlet/${id}`, ['a', '1'], undefined],
      [`inlet/${id2}`, [COPY_FIELDS.position, 'x'], undefined],
    ])
    const letter = { error: 'E', reason: 'r' }
    await consumer.settle(
      claims.map(({ position }) => ({ kind: 'dead-letter', position, attempts: 1, letter })),
    )
    const letters = await lab.log.read(lab.log.deadLetterStream(lab.stream), '0-0', 10)
    expect(letters[0]!.fields.slice(0, 6)).toEqual([
      'a',
      '1',
      'deadletter-stream',
      lab.stream,
      'deadletter-position',
      id,
    ])
  })

  test('that somebody deleted costs what was held there, and nothing else', async () => {
    const consumer = await lab.join()
    await copy(1)
    const claims = await lab.claimCount(consumer, 1)
    await lab.send('DEL', inlet())
    expect(await consumer.heartbeat()).toEqual(positions(claims))
    expect(await consumer.heartbeat()).toEqual([])
    const [position] = await lab.append(1)
    expect(positions(await lab.claimCount(consumer, 1))).toEqual([position])
    await copy(2)
    expect((await lab.claimCount(consumer, 1))[0]?.fields).toEqual(['number', '2'])
  })

  test('is handed out to the holder of the lease alone, and recovered by its successor', async () => {
    const former = await lab.join({ exclusive: true, deadAfterMs: 400 })
    await copy(1)
    const claims = await lab.claimCount(former, 1)
    const heir = await lab.join({ exclusive: true, deadAfterMs: 400 })
    lab.keepAlive(heir, 40)
    const [again] = await lab.claimCount(heir, 1)
    expect(again).toEqual({ ...claims[0], attempt: 2, origin: 'abandoned' })
    expect(await former.heartbeat()).toEqual(positions(claims))
  })

  test('is recovered by a successor before it is handed anything new', async () => {
    const former = await lab.join({ exclusive: true, deadAfterMs: 60_000 })
    await copy(1)
    const claims = await lab.claimCount(former, 1)
    await former.settle([{ kind: 'retry', position: claims[0]!.position, attempts: 1, delayMs: 3_600_000 }])
    await former.leave()
    await lab.append(1)
    const heir = await lab.join({ exclusive: true, deadAfterMs: 60_000 })
    expect((await lab.claimCount(heir, 2)).map(({ origin }) => origin)).toEqual(['parked', 'new'])
    await heir.expedite(positions(claims))
    expect(await lab.claimCount(heir, 1)).toMatchObject([{ attempt: 2, origin: 'retry' }])
  })

  test('counts for the rate of its group', async () => {
    const consumer = await lab.join({ rateLimit: { count: 3, perMs: 60_000 } })
    for (let number = 0; number < 5; number++) await copy(number)
    expect(await lab.claimCount(consumer, 3)).toHaveLength(3)
    expect(await lab.claim(consumer, 10, 300)).toEqual([])
  })

  test('is not read while the group is paused', async () => {
    const consumer = await lab.join()
    const state = inlet().replace(/:inlet$/, '')
    await lab.send('HSET', state, 'paused', '1')
    await copy(1)
    const end = performance.now() + 1_200
    while (performance.now() < end) expect(await lab.claim(consumer)).toEqual([])
    await lab.send('HDEL', state, 'paused')
    expect(await lab.claimCount(consumer, 1)).toHaveLength(1)
  })

  test('that ends with the first outcome of a call does not make it lost', async () => {
    const consumer = await lab.join()
    await copy(1)
    const [first, unknown] = [...positions(await lab.claimCount(consumer, 1)), 'inlet/1-1'] as [
      string,
      string,
    ]
    const letter = { error: 'E', reason: 'r' }
    expect(
      await consumer.settle([
        { kind: 'acknowledge', position: first },
        { kind: 'dead-letter', position: unknown, attempts: 1, letter },
      ]),
    ).toEqual([unknown])
  })

  test('can be asked about by a member that never read it', async () => {
    const [reader, other] = [await lab.join(), await lab.join()]
    await copy(1)
    await copy(2)
    const claims = await lab.claimCount(reader, 2)
    const [first, second] = positions(claims) as [string, string]
    const parking = { kind: 'retry', position: first, attempts: 1, delayMs: 3_600_000 } as const
    expect(await reader.settle([parking])).toEqual([])
    expect(await other.waiting([first, second])).toEqual([first])
    expect(await other.settle(acknowledge(claims))).toEqual([first, second])
    await other.expedite([first])
    expect(await lab.claimCount(reader, 1)).toMatchObject([{ position: first, attempt: 2, origin: 'retry' }])
  })

  test('hands back what a member held that leaves', async () => {
    const consumer = await lab.join()
    await copy(1)
    const [claim] = await lab.claimCount(consumer, 1)
    await consumer.leave()
    const [again] = await lab.claimCount(await lab.join(), 1)
    expect(again).toEqual({ ...claim, origin: 'retry' })
  })
})
