import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../core/errors.ts'
import { connectWithAttempts } from './connect-attempts.ts'

const away = new MillraceError('REDIS_UNAVAILABLE', 'away')

/** Fails so many times, and notes what is said meanwhile. */
function scene(failures: number, error: Error = away) {
  const said: string[] = []
  const say = (_: object, message: string) => void said.push(message)
  let calls = 0
  const connect = async () => {
    if (calls++ < failures) throw error
    return 'connected'
  }
  return { connect, said, log: { debug: say, info: say, warn: say, error: say }, calls: () => calls }
}

const policy = { attempts: 3, delaysMs: [1, 2] }
const { signal } = new AbortController()

describe('connectWithAttempts', () => {
  it('tries again after each failure, and says so', async () => {
    const { connect, said, log } = scene(2)
    expect(await connectWithAttempts(connect, policy, log, signal)).toBe('connected')
    expect(said.filter((line) => line.startsWith('Connection attempt'))).toEqual([
      'Connection attempt 1/3',
      'Connection attempt 1 failed: away',
      'Connection attempt 2/3',
      'Connection attempt 2 failed: away',
      'Connection attempt 3/3',
    ])
  })

  it('gives up after the last attempt with its failure, and without a pause', async () => {
    const { connect, log, calls } = scene(9)
    await expect(connectWithAttempts(connect, { attempts: 1, delaysMs: [1e9] }, log, signal)).rejects.toBe(
      away,
    )
    expect(calls()).toBe(1)
  })

  it('does not try again what no attempt can mend', async () => {
    const wrong = new MillraceError('REDIS_UNSUITABLE', 'evicts')
    const { connect, log, calls } = scene(9, wrong)
    await expect(connectWithAttempts(connect, policy, log, signal)).rejects.toBe(wrong)
    expect(calls()).toBe(1)
  })

  it('ends at once when it is told to stop', async () => {
    const { connect, log, calls } = scene(9)
    const stop = new AbortController()
    const connecting = connectWithAttempts(connect, { attempts: 3, delaysMs: [1e9] }, log, stop.signal)
    await expect.poll(calls).toBe(1)
    stop.abort()
    await expect(connecting).rejects.toThrow('aborted')
  })

  it.each([
    ['a pause', { attempts: 2, delaysMs: [1e9] }, () => Promise.reject(away)],
    ['an attempt', policy, () => new Promise<never>(() => {})],
  ])('warns when it takes long, also while %s is under way', async (_, slow, connect) => {
    const { said, log } = scene(0)
    const stop = new AbortController()
    const connecting = connectWithAttempts(connect, { ...slow, warnAfterMs: 5 }, log, stop.signal)
    connecting.catch(() => {})
    await expect.poll(() => said).toContain('No connection for 0 seconds')
    stop.abort()
  })

  it('warns no more once it is connected', async () => {
    const { said, log } = scene(0)
    await connectWithAttempts(async () => {}, { ...policy, warnAfterMs: 1 }, log, signal)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(said).toEqual(['Connection attempt 1/3'])
  })
})
