import { BATCH_SIZE, DEAD_AFTER_MS, GROUP, PIPELINE, type SinkCases } from './scene.ts'

/** More than an instance takes into its hands: two batches for each write that it may have under way. */
const MANY = 10 * BATCH_SIZE

export const slowCases: SinkCases = {
  async 'is waited for, with no more in hand than two batches for each write'(scene) {
    const letGo = await scene.fault('hang')()
    await scene.publish(MANY)
    const run = await scene.run({ concurrency: 2 })
    await scene.until('full hands', () => run.status.held >= 2 * BATCH_SIZE)
    scene.expect(run.status.written).toBe(0)
    scene.expect(run.status.held).toBeLessThan(4 * BATCH_SIZE + 1)
    await letGo()
    await scene.everythingIsThere()
  },

  async 'is asked again when a write takes longer than its limit'(scene) {
    await scene.publish(BATCH_SIZE)
    const letGo = await scene.fault('hang')()
    const run = await scene.run({ writeTimeoutMs: 200, retry: { attempts: 1 } })
    await scene.until('the limit', () => run.status.lastError?.error === 'SINK_UNAVAILABLE')
    await letGo()
    await scene.everythingIsThere()
    scene.expect(await scene.letters()).toEqual([])
  },

  async 'keeps nobody from stopping in time, and what it was given is brought again'(scene) {
    await scene.publish(2 * BATCH_SIZE)
    const letGo = await scene.fault('hang')()
    const run = await scene.run()
    await scene.until('full hands', () => run.status.held >= BATCH_SIZE)
    const begin = performance.now()
    await run.stop(200)
    scene.expect(performance.now() - begin).toBeLessThan(10_000)
    await letGo()
    await scene.run()
    await scene.everythingIsThere()
  },
}

export const stopCases: SinkCases = {
  async 'under load hands back what waits, and loses nothing'(scene) {
    for (let turn = 1; turn <= 3; turn++) {
      await scene.publish(MANY)
      const run = await scene.run({ retry: { attempts: 1 } })
      await scene.until('some of it', () => run.status.written >= BATCH_SIZE)
      await run.stop(5_000)
      scene.expect([run.status.state, run.status.held]).toEqual(['stopped', 0])
    }
    await scene.run({ retry: { attempts: 1 } })
    await scene.everythingIsThere()
    scene.expect(await scene.letters()).toEqual([])
  },

  async 'of one instance leaves its work to the others'(scene) {
    await scene.publish(MANY)
    const one = await scene.run()
    await scene.until('some of it', () => one.status.written > 0)
    await scene.run()
    await scene.publish(MANY)
    await one.stop(5_000)
    await scene.publish(BATCH_SIZE)
    await scene.everythingIsThere()
  },
}

export const killCases: SinkCases = {
  async 'loses nothing, whenever it comes'(scene) {
    const common = { name: PIPELINE, group: GROUP, deadAfterMs: DEAD_AFTER_MS, batchSize: BATCH_SIZE }
    const target = { ...common, stream: scene.stream }
    const start = () => scene.fault('startProcess')(target)
    // The second one is there already when the first one dies.
    const processes = await Promise.all([start(), start()])
    try {
      for (const { kill } of processes) {
        const before = new Set(await scene.numbers()).size
        await scene.publish(4 * MANY)
        const enough = before + Math.ceil(Math.random() * 2 * MANY)
        await scene.until('some of it', async () => new Set(await scene.numbers()).size >= enough)
        await kill()
      }
    } finally {
      await Promise.all(processes.map(({ kill }) => kill()))
    }
    await scene.run()
    await scene.everythingIsThere()
  },
}
