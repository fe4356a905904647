import { expect, it } from 'vitest'
import { Permits } from './permits.ts'
import { gate } from './test-inbox.ts'

const never = new AbortController().signal

it('lets so many in at once, and the others in the order of their coming', async () => {
  const permits = new Permits(2)
  const gates = Array.from({ length: 6 }, gate)
  const entered: number[] = []
  const runs = gates.map(({ opened }, n) =>
    permits.run(() => {
      entered.push(n)
      return opened
    }, never),
  )
  for (let n = 0; n < gates.length; n++) {
    await expect.poll(() => entered.length).toBe(Math.min(n + 2, 6))
    gates[n]!.open()
    await runs[n]
  }
  expect(entered).toEqual([0, 1, 2, 3, 4, 5])
})

it('gives a permit back after a failure, and takes none for who gave up waiting', async () => {
  const permits = new Permits(1)
  const holding = gate()
  const giveUp = new AbortController()
  const first = permits.run(() => holding.opened, never)
  const gone = permits.run(async () => 'ran', giveUp.signal)
  const next = permits.run(() => Promise.reject(new Error('no')), never)
  giveUp.abort(new Error('lost'))
  await expect(gone).rejects.toThrow('lost')
  await expect(permits.run(async () => {}, giveUp.signal)).rejects.toThrow('lost')
  holding.open()
  await first
  await expect(next).rejects.toThrow('no')
  expect(await permits.run(async () => 'ran', never)).toBe('ran')
})
