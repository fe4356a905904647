import { expect, test, vi } from 'vitest'
import { until } from '../../test/support/until.ts'
import { useLab } from '../../test/support/use-lab.ts'
import { useRedis } from '../../test/support/use-redis.ts'
import { RedisConsumer } from '../redis/group/consumer.ts'

const { server, admin } = useRedis()
const lab = useLab(server)

const oneKey = (number: number): string[] => ['type', 'number', 'data', String(number), 'partitionkey', 'one']
const parkingIs = (how: 'refused' | 'granted') =>
  admin.send(['ACL', 'SETUSER', 'default', how === 'refused' ? '-xclaim' : '+xclaim'])

test.each(['key', 'process'] as const)(
  'a key waits for its retry also while Redis refuses to park it: order by %s',
  async (order) => {
    const starts: [data: unknown, attempt: number][] = []
    await lab.start(
      async ({ event: { data }, attempt }) => {
        starts.push([data, attempt])
        if (starts.length > 1) return
        await parkingIs('refused')
        throw new Error('once')
      },
      { order, retry: { attempts: 2, delayMs: 1 } },
    )
    const looks = vi.spyOn(RedisConsumer.prototype, 'waiting')
    try {
      await lab.publish(3, oneKey)
      // The second look in a row that misses an entry takes it for gone.
      const answered = () => looks.mock.settledResults.filter(({ type }) => type === 'fulfilled').length
      await until('looks', () => answered() > 4 || starts.length > 1)
      expect(starts).toEqual([[0, 1]])
    } finally {
      looks.mockRestore()
      await parkingIs('granted')
    }
    await until('the others', () => starts.length === 4)
    expect(starts.slice(1)).toEqual([
      [0, 2],
      [1, 1],
      [2, 1],
    ])
  },
)
