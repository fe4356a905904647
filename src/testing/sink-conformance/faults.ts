import type { SinkPipeline } from '../../connectors/sink-pipeline.ts'
import { BATCH_SIZE, type SinkCases } from './scene.ts'

/** As often as there are ways in which a sink is lost, such as before, in and after a write. */
const CUTS = 3

const numberOf = (data: unknown): number => (data as { number: number }).number

export const refusalCases: SinkCases = {
  async 'what it refuses is found in its batch and buried; the rest is there'(scene) {
    const isRefused = (data: unknown) => [3, 11, 12].includes(numberOf(data))
    await scene.fault('refuse')(isRefused)
    await scene.publish(2 * BATCH_SIZE)
    await scene.run({ retry: { attempts: 2, delayMs: 10 } })
    await scene.everythingIsThere([3, 11, 12])
    await scene.until('three dead letters', async () => (await scene.letters()).length >= 3)
    const letters = await scene.letters()
    scene.expect(letters.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual([3, 11, 12])
  },

  async 'a batch of nothing else harms nobody'(scene) {
    await scene.fault('refuse')((data) => numberOf(data) < 5)
    await scene.publish(5)
    await scene.run({ retry: { attempts: 1 } })
    await scene.until('five dead letters', async () => (await scene.letters()).length >= 5)
    await scene.publish(5)
    await scene.everythingIsThere([0, 1, 2, 3, 4])
  },
}

export const oversizeCases: SinkCases = {
  async 'what is too large is buried alone and at once, with the reason; the rest is there'(scene) {
    const text = 'x'.repeat(scene.fault('oversize'))
    await scene.publish(BATCH_SIZE / 2)
    await scene.publish(1, { text })
    await scene.publish(BATCH_SIZE / 2)
    await scene.run({ retry: { attempts: 50 } })
    await scene.everythingIsThere([BATCH_SIZE / 2])
    await scene.until('a dead letter', async () => (await scene.letters()).length > 0)
    scene.expect(await scene.letters()).toEqual([{ number: BATCH_SIZE / 2, error: 'EVENT_TOO_LARGE' }])
  },
}

export const throttleCases: SinkCases = {
  async 'is asked again when it says, and nobody is to blame'(scene) {
    const waitMs = 300
    await scene.publish(BATCH_SIZE)
    await scene.fault('throttle')(waitMs)
    const begin = performance.now()
    const run = await scene.run({ concurrency: 1, retry: { attempts: 1 }, retryDelayMs: 1 })
    await scene.everythingIsThere()
    scene.expect(performance.now() - begin).toBeGreaterThanOrEqual(waitMs - 10)
    scene.expect(run.status.lastError?.error).toBe('SINK_THROTTLED')
    scene.expect(await scene.letters()).toEqual([])
  },
}

export const cutCases: SinkCases = {
  async 'everything is there in the end, and nobody is to blame'(scene) {
    let run: SinkPipeline | undefined
    for (let turn = 0; turn < CUTS; turn++) {
      const cut = scene.fault('cut')()
      await scene.publish(2 * BATCH_SIZE)
      run ??= await scene.run({ retry: { attempts: 1 } })
      await scene.happens('the loss', cut)
      await scene.everythingIsThere()
    }
    // A sink that mends itself says nothing.
    scene.expect(run?.status.lastError?.error ?? 'SINK_UNAVAILABLE').toBe('SINK_UNAVAILABLE')
    scene.expect(await scene.letters()).toEqual([])
  },
}

/** For sinks that have an order. */
export const cutOrderCases: SinkCases = {
  async 'what is written again comes before what is written later'(scene) {
    const cut = scene.fault('cut')()
    await scene.publish(5 * BATCH_SIZE)
    await scene.run({ concurrency: 1 })
    await scene.happens('the loss', cut)
    await scene.everythingIsThere()
    await scene.isInOrder(5 * BATCH_SIZE)
  },
}

export const absenceCases: SinkCases = {
  async 'at the start: nothing is read until it is there'(scene) {
    const comeBack = await scene.fault('leave')()
    await scene.publish(BATCH_SIZE)
    const run = await scene.run({ retry: { attempts: 1 } })
    await scene.until('a failure', () => run.status.lastError !== undefined)
    scene.expect([run.status.held, run.status.written]).toEqual([0, 0])
    await comeBack()
    await scene.everythingIsThere()
  },

  async 'later: it is waited for, and nobody is to blame'(scene) {
    const run = await scene.run({ retry: { attempts: 1 } })
    await scene.publish(BATCH_SIZE)
    await scene.everythingIsThere()
    const comeBack = await scene.fault('leave')()
    await scene.publish(BATCH_SIZE)
    await scene.until('the state', () => run.status.state === 'retrying')
    scene.expect(run.status.lastError?.error).toBe('SINK_UNAVAILABLE')
    await comeBack()
    await scene.everythingIsThere()
    scene.expect(await scene.letters()).toEqual([])
    scene.expect(run.status.state).toBe('running')
  },

  async 'when the pipeline stops: it stops at once, and the next one has it all'(scene) {
    const comeBack = await scene.fault('leave')()
    await scene.publish(BATCH_SIZE)
    const run = await scene.run({ retry: { attempts: 1 } })
    await scene.until('a failure', () => run.status.lastError !== undefined)
    await run.stop(1_000)
    await comeBack()
    await scene.run({ retry: { attempts: 1 } })
    await scene.everythingIsThere()
  },
}
