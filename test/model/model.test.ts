import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { useRedis } from '../support/use-redis.ts'
import { useOnce } from '../support/use.ts'
import { IDEMPOTENCY_TTL_MS, property } from './runs.ts'

/** The same each time, so that what fails is the change at hand; others by MODEL_SEED. */
const SEED = Number(process.env['MODEL_SEED'] ?? 1)
const RUNS = Number(process.env['MODEL_RUNS'] ?? 1_000)

const { server, admin } = useRedis()

const log = useOnce(
  () => RedisStreamLog.open({ url: server.url, idempotencyTtlMs: IDEMPOTENCY_TTL_MS }),
  (it) => it.close(),
)

describe(`with ${RUNS} seeds from ${SEED} on`, () => {
  test(
    'the log in memory and the one on Redis do the same',
    async () => {
      let passed = 0
      for (; passed < RUNS; passed++) await run(SEED + passed)
      expect(passed).toBe(RUNS)
    },
    RUNS * 1_000 + 60_000,
  )
})

/** Fails with what is left of the steps after shrinking, what they did, and how to do it again. */
async function run(seed: number): Promise<void> {
  const details = await fc.check(property(log, admin), { seed, numRuns: 1 })
  if (!details.failed) return
  const again = `MODEL_SEED=${seed} MODEL_RUNS=1 npx vitest run test/model`
  const steps = details.counterexample
    ?.map(String)
    .join('')
    .replace(/\/\*.*\*\//, '')
  throw new Error(`to run it again: ${again}\nSteps: ${steps}\n${String(details.errorInstance)}`)
}
