import { describe, expect, test } from 'vitest'
import { until } from '../../test/support/until.ts'
import { useLab } from '../../test/support/use-lab.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { GROUP, toObject } from '../../test/support/worker-lab.ts'
import { Reject } from '../core/delivery.ts'

const { server, admin } = useRedis()
const lab = useLab(server)

const entriesOf = async (stream: string): Promise<Record<string, string>[]> => {
  const rows = await admin.send<[string, string[]][]>(['XRANGE', stream, '-', '+'])
  return rows.map(([, fields]) => toObject(fields))
}
const pending = async () => (await admin.send<unknown[]>(['XPENDING', lab.stream, GROUP]))[0]

describe('what a handler produces', () => {
  const target = () => `{${lab.stream}}:out`

  test('is written with the acknowledgement, in its order, and nothing of starts that failed', async () => {
    await lab.start((delivery) => {
      const { event, attempt } = delivery
      for (const part of ['a', 'b'])
        delivery.produce(target(), ['type', 'part', 'data', `"${event.data}${part}${attempt}"`])
      if (attempt === 1) throw new Error('once')
    })
    await lab.publish(20)
    await until('all', async () => (await entriesOf(target())).length === 40 && (await pending()) === 0)
    const written = (await entriesOf(target())).map(({ data }) => data)
    const expected = Array.from({ length: 20 }, (_, number) => [`"${number}a2"`, `"${number}b2"`]).flat()
    expect([...written].sort()).toEqual([...expected].sort())
    for (let at = 0; at < 40; at += 2) expect(written[at + 1]).toBe(written[at]!.replace('a', 'b'))
  })

  test('to a stream of another slot is refused at once, with what to do in the dead letter', async () => {
    await lab.start((delivery) => delivery.produce('some other slot', ['type', 't', 'data', '1']))
    await lab.publish(1)
    const letter = await until('the letter', async () => (await lab.letters())[0])
    expect(letter).toMatchObject({ 'deadletter-error': 'EVENT_INVALID', 'deadletter-attempts': '1' })
    expect(letter['deadletter-reason']).toContain('{shop}:orders')
  })

  test('is not written by a consumer that lost the entry meanwhile', async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const first = await lab.start(async (delivery) => {
      delivery.produce(target(), ['type', 't', 'data', '"first"'])
      await gate
    })
    const [position] = await lab.publish(1)
    await until('the start', () => first.status.held === 1)
    await admin.send(['XCLAIM', lab.stream, GROUP, 'thief', '0', position!])
    release()
    await until('the loss', () => first.status.lost === 1)
    expect(await entriesOf(target())).toEqual([])
    expect(await pending()).toBe(1)
  })

  test('that can not be written keeps its entry pending, and is written when it can be', async () => {
    await admin.send(['SET', target(), 'a text'])
    const worker = await lab.start((delivery) => delivery.produce(target(), ['type', 't', 'data', '1']))
    await lab.publish(1)
    await until('the start', () => worker.status.held === 1)
    await until('a try', async () => (await pending()) === 1)
    await admin.send(['DEL', target()])
    await until('the entry', async () => (await entriesOf(target())).length === 1 && (await pending()) === 0)
    expect(await entriesOf(target())).toHaveLength(1)
  })
})

describe('deduplication', () => {
  const deduplicate = { ttlMs: 60_000 }
  const withId = (id: string, more: string[] = []) => ['type', 't', 'data', '1', 'id', id, ...more]

  test('runs one of all that carry the same id, whoever gets them', async () => {
    const ids: string[] = []
    const handler = async ({ event }: { event: { id: string } }) => {
      await new Promise((resolve) => setImmediate(resolve))
      ids.push(event.id)
    }
    const workers = [await lab.start(handler, { deduplicate }), await lab.start(handler, { deduplicate })]
    await lab.publish(300, (number) => withId(`id ${number % 50}`))
    await until('all', async () => {
      const done = workers.reduce((sum, { status }) => sum + status.processed + status.duplicates, 0)
      return done === 300 && (await pending()) === 0
    })
    expect(ids.sort()).toEqual(Array.from({ length: 50 }, (_, number) => `id ${number}`).sort())
  })

  test('knows events of different sources apart, and lets those run that have no id', async () => {
    const worker = await lab.start(() => {}, { deduplicate })
    const sources = ['one', 'two', 'one']
    await lab.publish(3, (number) => withId('same', ['source', sources[number]!]))
    await lab.publish(3, () => ['type', 't', 'data', '1'])
    await until('all', () => worker.status.processed + worker.status.duplicates === 6)
    expect(worker.status).toMatchObject({ processed: 5, duplicates: 1 })
  })

  test('lets the next one run when the first is dead-lettered', async () => {
    const seen: string[] = []
    await lab.start(
      ({ position }) => {
        seen.push(position)
        if (seen.length === 1) throw new Reject('no')
      },
      { deduplicate },
    )
    const positions = await lab.publish(2, () => withId('same'))
    await until('both', () => seen.length === 2)
    expect(seen).toEqual(positions)
  })

  test('runs again what failed, under the same reservation', async () => {
    const worker = await lab.start(
      ({ attempt }) => {
        if (attempt < 3) throw new Error('not yet')
      },
      { deduplicate },
    )
    await lab.publish(1, () => withId('one'))
    await until('the end', () => worker.status.processed === 1)
    expect(worker.status.duplicates).toBe(0)
  })
})
