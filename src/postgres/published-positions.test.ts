import { describe, expect, it } from 'vitest'
import { PublishedPositions, readTelling, tellings } from './published-positions.ts'

const event = (n: number) => ({ eventId: `id-${n}`, position: `${n}-0` })

describe('PublishedPositions', () => {
  it('tells everybody who waits, before and after', async () => {
    const positions = new PublishedPositions()
    const waiting = [positions.await('id-1', 10_000), positions.await('id-1', 10_000)]
    positions.learn([event(1), event(2)])
    expect(await Promise.all(waiting)).toEqual(['1-0', '1-0'])
    expect(await positions.await('id-2', 0)).toBe('2-0')
  })

  it('answers null when the time is over, also to one of several', async () => {
    const positions = new PublishedPositions()
    const patient = positions.await('id-1', 10_000)
    expect(await positions.await('id-1', 1)).toBe(null)
    positions.learn([event(1)])
    expect(await patient).toBe('1-0')
  })

  it('remembers the last 10,000', async () => {
    const positions = new PublishedPositions()
    for (let n = 0; n < 10_001; n++) positions.learn([event(n)])
    expect(await positions.await('id-0', 0)).toBe(null)
    expect(await positions.await('id-1', 0)).toBe('1-0')
  })
})

describe('tellings', () => {
  it('fit into notifications, whatever the ids hold, and say all of it', () => {
    const events = Array.from({ length: 300 }, (_, n) => ({
      eventId: '"\u{1f600}'.repeat(n % 80) + n,
      position: '1-1',
    }))
    const texts = tellings(events)
    for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThan(8_000)
    expect(texts.flatMap(readTelling)).toEqual(events)
    expect(texts.length).toBeLessThan(20)
    expect(tellings([])).toEqual([])
  })
})
