import { batched } from '../../bus/batched.ts'
import type { GroupRun } from '../../core/app-context.ts'
import { faultsOf, type BatchHandler, type Middleware } from '../../core/delivery.ts'
import { compose } from '../../core/pipeline.ts'

/** What stands in front of the groups of an app. */
export interface GroupMiddleware {
  /** Goes on around what runs, such as what measures it. */
  readonly around: readonly Middleware[]
  /** Makes another delivery of each, such as what decrypts it; after `around`. */
  readonly each: readonly Middleware[]
}

/** The run of a group behind its middleware. */
export function wrapRun({ around, each }: GroupMiddleware, run: GroupRun): GroupRun {
  if ('handler' in run) return { handler: compose(...around, ...each)(run.handler) }
  const batchHandler = batched((arrive) => compose(...each)(arrive), run.batchHandler)
  return { batchHandler: around.length === 0 ? batchHandler : aroundAll(around, batchHandler) }
}

/** Each event of a batch takes as long as the batch, and fails with it or by itself. */
export const aroundAll =
  (around: readonly Middleware[], run: BatchHandler): BatchHandler =>
  async (deliveries) => {
    const work = (async () => faultsOf(await run(deliveries)))()
    const end = async (index: number) => {
      const fault = (await work)[index]
      if (fault) throw fault
    }
    const waiting = deliveries.map(async (delivery, index) => compose(...around)(() => end(index))(delivery))
    // All of them, so that none fails unheard.
    await Promise.allSettled(waiting)
    return work
  }
