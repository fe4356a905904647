import { expect } from 'vitest'
import type { Delivery } from '../../../src/core/delivery.ts'
import { until } from '../../support/until.ts'
import { Handled, upTo, type StageCases } from './stage.ts'

const numbersOf = (batch: readonly Delivery[]): number[] => batch.map(({ event }) => event.data as number)

export const batchCases: StageCases = {
  'many events in one call, each once': async (stage) => {
    await stage.publish(500)
    const batches: number[][] = []
    const worker = await stage.startWith({
      batch: { size: 50 },
      concurrency: 2,
      batchHandler: (batch) => void batches.push(numbersOf(batch)),
    })
    await until('all', () => worker.status.processed === 500)
    expect(batches.flat().sort((a, b) => a - b)).toEqual(upTo(500))
    expect(Math.max(...batches.map(({ length }) => length))).toBeGreaterThan(1)
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(50)
  },

  'again one by one when a batch fails, so that the bad one fails alone': async (stage) => {
    await stage.publish(100)
    const handled = new Handled()
    const worker = await stage.startWith({
      batch: { size: 20 },
      retry: { attempts: 3, delayMs: 0 },
      batchHandler: (batch) => {
        if (numbersOf(batch).includes(13)) throw new Error('thirteen')
        batch.forEach(handled.add)
      },
    })
    await until('all', () => worker.status.processed === 99)
    await until('the letter', async () => (await stage.letters()).length > 0)
    expect(handled.sorted).toEqual(upTo(100).filter((number) => number !== 13))
    expect(await stage.letters()).toMatchObject([
      { data: '13', 'deadletter-attempts': '3', 'deadletter-reason': 'thirteen' },
    ])
  },
}
