import { expect, it } from 'vitest'
import { failureOf } from '../../../test/support/until.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import { PublishCounters } from './published.ts'

const log = useLog(useRedisServer())

const shown = (counters: PublishCounters) =>
  counters.metrics.flatMap((metric) =>
    metric
      .collect()
      .map(({ labels, value }) => [metric.name.replace('millrace_', ''), ...Object.values(labels), value]),
  )
const entry = (data: string, idempotencyKey?: string) => ({
  fields: ['type', 'x', 'data', data],
  ...(idempotencyKey && { idempotencyKey }),
})

it('counts what Redis took, and by the code what it did not', async () => {
  const counters = new PublishCounters()
  const counted = counters.count(log)
  await counted.append('counted', [entry('1'), entry('2', 'key')])
  const results = await counted.append('counted', [entry('3', 'key'), entry('4')])
  expect(results.map((result) => typeof result)).toEqual(['object', 'string'])
  expect(shown(counters)).toEqual([
    ['published_total', 'counted', 3],
    ['publish_failures_total', 'counted', 'IDEMPOTENCY_CONFLICT', 1],
  ])
  expect(await counted.read('counted', '0-0', 10)).toHaveLength(3)
})

it('counts a call that fails as a whole', async () => {
  const counters = new PublishCounters()
  const call = counters.count(log).append('no name\n', [entry('1'), entry('2')])
  expect((await failureOf(call)).code).toBe('NAME_INVALID')
  expect(shown(counters)).toEqual([['publish_failures_total', 'no name\n', 'NAME_INVALID', 2]])
})
