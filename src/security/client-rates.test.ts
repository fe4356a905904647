import { afterEach, describe, expect, it } from 'vitest'
import { useRedis } from '../../test/support/use-redis.ts'
import type { ClientRate } from '../core/access.ts'
import { noLog } from '../core/service.ts'
import { CLIENT_RATE_PREFIX } from '../redis/keys.ts'
import { openConnection } from '../redis/connections/servers.ts'
import { ClientRates } from './client-rates.ts'

const { server, admin } = useRedis()
const RATE: ClientRate = { max: 10, windowMs: 60_000 }

const opened: ClientRates[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((rates) => rates.close()))
})

let number = 0
const newClient = () => `address:client-${++number}`

/** An instance of its own, which counts in Redis. */
async function instance(
  rate: ClientRate | undefined = RATE,
  patienceMs = 5_000,
): Promise<{ rates: ClientRates; said: string[] }> {
  const said: string[] = []
  const say = (_: object, message: string) => void said.push(message)
  const rates = new ClientRates(rate, {
    keyPrefix: CLIENT_RATE_PREFIX,
    patienceMs,
    log: { ...noLog, info: say, warn: say },
  })
  const connection = await openConnection({ url: server.url }, 'rates')
  rates.share(() => connection)
  opened.push(rates)
  return { rates, said }
}

const takeAll = (rates: ClientRates, client: string, times: number) =>
  Promise.all(Array.from({ length: times }, () => rates.take(client)))
const allowed = (verdicts: Awaited<ReturnType<typeof takeAll>>) =>
  verdicts.filter((verdict) => verdict?.allowed === true).length

describe('clients are counted', () => {
  it('by all instances together, and each client by itself', async () => {
    const [one, two] = [await instance(), await instance()]
    const client = newClient()
    const verdicts = await Promise.all([takeAll(one.rates, client, 8), takeAll(two.rates, client, 8)])
    expect(allowed(verdicts.flat())).toBe(10)
    expect(await one.rates.take(newClient())).toEqual({
      allowed: true,
      limit: 10,
      windowSeconds: 60,
      remaining: 9,
      resetSeconds: expect.closeTo(60, 0),
    })
    expect(await two.rates.take(client)).toMatchObject({ allowed: false, remaining: 0 })
  })

  it('under keys of ours, which expire with their window', async () => {
    const { rates } = await instance({ max: 5, windowMs: 2_500 })
    const client = newClient()
    await rates.take(client)
    const ttl = await admin.send<number>(['PTTL', `millrace:rate:3s:${client}`])
    expect(ttl).toBeGreaterThan(0)
    expect(ttl).toBeLessThanOrEqual(3_000)
  })

  it('anew when the window is over', async () => {
    const { rates } = await instance({ max: 1, windowMs: 1_000 })
    const client = newClient()
    await rates.take(client)
    expect(await rates.take(client)).toMatchObject({ allowed: false })
    await expect.poll(async () => (await rates.take(client))?.allowed, { timeout: 5_000 }).toBe(true)
  })

  it('double where that is said', async () => {
    const { rates } = await instance()
    const client = newClient()
    for (let turn = 0; turn < 5; turn++) expect(await rates.take(client, 2)).toMatchObject({ allowed: true })
    expect(await rates.take(client)).toMatchObject({ allowed: false, remaining: 0 })
  })

  it('whatever they are called', async () => {
    const { rates } = await instance({ max: 1, windowMs: 60_000 })
    for (const client of [
      'caller:{a}',
      'caller:a\r\nb',
      'caller:__proto__',
      'caller:€ 🚀',
      `caller:${'x'.repeat(5000)}`,
    ]) {
      expect(await rates.take(client)).toMatchObject({ allowed: true })
      expect(await rates.take(client)).toMatchObject({ allowed: false })
    }
  })
})

describe('the limit', () => {
  it('changes while it runs, and can be taken away and set again', async () => {
    const { rates } = await instance({ max: 1, windowMs: 60_000 })
    const client = newClient()
    await rates.take(client)
    expect(await rates.take(client)).toMatchObject({ allowed: false })
    rates.configure({ max: 3, windowMs: 60_000 })
    expect(await rates.take(client)).toMatchObject({ allowed: true, limit: 3 })
    rates.configure(undefined)
    expect(await rates.take(client)).toBeUndefined()
    rates.configure({ max: 7, windowMs: 30_000 })
    expect(await rates.take(client)).toMatchObject({ limit: 7, remaining: 6, windowSeconds: 30 })
  })

  it('holds in one instance before there is a Redis', async () => {
    const rates = new ClientRates(RATE, { keyPrefix: CLIENT_RATE_PREFIX })
    expect(allowed(await takeAll(rates, newClient(), 20))).toBe(10)
  })
})

describe('a Redis that does not answer', () => {
  const untilShared = (said: string[], rates: ClientRates) =>
    expect
      .poll(
        async () => {
          await rates.take(newClient())
          return said.at(-1)
        },
        { timeout: 15_000, interval: 100 },
      )
      .toBe('Clients are counted by all instances together again')

  it.each(['SIGSTOP', 'SIGKILL'] as const)('by %s holds up nobody, and the limit stays', async (signal) => {
    const { rates, said } = await instance({ max: 100, windowMs: 60_000 }, 50)
    const client = newClient()
    await rates.take(client)
    await server.kill(signal)
    try {
      const start = performance.now()
      const verdicts = []
      for (let turn = 0; turn < 300; turn++) verdicts.push(await rates.take(client))
      // One wait of 50 ms a second at most; the bound is wide for a busy machine, and far below 300 waits.
      expect(performance.now() - start).toBeLessThan(5_000)
      expect(allowed(verdicts)).toBe(100)
      expect(said.at(-1)).toBe('Clients are counted by this instance alone: Redis does not answer at once')
    } finally {
      await (signal === 'SIGSTOP' ? server.kill('SIGCONT') : server.restart())
    }
    await untilShared(said, rates)
  })

  it('that refuses the key harms nobody else', async () => {
    const { rates } = await instance()
    const client = newClient()
    await admin.send(['LPUSH', `${CLIENT_RATE_PREFIX}60s:${client}`, 'no number'])
    expect(await rates.take(client)).toMatchObject({ allowed: true })
  })
})
