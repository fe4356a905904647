import { expect } from 'vitest'
import type { Connection } from '../../src/redis/connection.ts'
import type { AdminAnswer } from './admin-client.ts'
import { wholeRedis } from './whole-redis.ts'

/** What holds for whatever an operator can destroy. */
export const adminChecks = (admin: Connection) => ({
  /** The answer of a dry run, which changes nothing. */
  async dryRun(ask: () => Promise<AdminAnswer>): Promise<AdminAnswer> {
    const before = await wholeRedis(admin)
    const answer = await ask()
    expect(answer).toMatchObject({ status: 200 })
    expect(await wholeRedis(admin)).toEqual(before)
    return answer
  },

  /** It is refused without its name, and with another one. */
  async needsConfirmation(ask: (confirm?: string) => Promise<AdminAnswer>): Promise<void> {
    const before = await wholeRedis(admin)
    for (const confirm of [undefined, 'another'])
      expect(await ask(confirm)).toMatchObject({
        status: 428,
        body: { code: 'CONFIRMATION_REQUIRED', errors: [{ path: 'confirm' }] },
      })
    expect(await wholeRedis(admin)).toEqual(before)
  },

  confirming: (confirm?: string) => (confirm === undefined ? {} : { confirm }),
})
