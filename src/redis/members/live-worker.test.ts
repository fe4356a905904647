import { describe, expect, test } from 'vitest'
import { failureOf, until } from '../../../test/support/until.ts'
import { openLab } from '../../../test/support/use-lab.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { useEach } from '../../../test/support/use.ts'
import { GROUP } from '../../../test/support/worker-lab.ts'
import type { Delivery } from '../../core/delivery.ts'
import { deadLetterKey } from '../keys.ts'
import { RedisGroupLifecycle } from '../operations/group-lifecycle.ts'
import { RedisGroupMembers } from './members.ts'
import { ada, pendingOf } from './members-lab.ts'

const { server, admin } = useRedis()
const members = new RedisGroupMembers(admin)
const lifecycle = new RedisGroupLifecycle(admin)
const lab = useEach(
  () => openLab({ url: server.url }),
  (it) => it.close(),
)
const pending = () => pendingOf(admin, lab.stream, GROUP)

/** A handler whose first run ends when it is told so, and which notes what it was told. */
class Stuck {
  readonly runs: Delivery[] = []
  readonly #released: Promise<void>
  release!: () => void

  constructor() {
    this.#released = new Promise((resolve) => (this.release = resolve))
  }

  readonly handler = async (delivery: Delivery): Promise<void> => {
    this.runs.push(delivery)
    if (this.runs.length === 1) await this.#released
  }
}

describe('a worker that lives', () => {
  test.each(['release', 'acknowledge', 'claim'] as const)(
    'aborts what it loses by force to %s, and settles nothing of it',
    async (deed) => {
      const stuck = new Stuck()
      const worker = await lab.start(stuck.handler, { concurrency: 1 })
      const [position] = await lab.publish(1)
      await until('the run', () => stuck.runs.length === 1)
      const holder = (await pending())[0]!.consumer
      await admin.send(['XGROUP', 'CREATECONSUMER', lab.stream, GROUP, 'theirs'])
      const take = (force: boolean) => {
        const options = { ...ada, force, minIdleMs: 600_000 }
        const selection = { consumer: holder }
        return deed === 'claim'
          ? members.claim(lab.stream, GROUP, selection, 'theirs', options)
          : members[deed](lab.stream, GROUP, selection, options)
      }
      expect(await failureOf(take(false))).toMatchObject({ code: 'CONSUMER_BUSY' })
      expect(stuck.runs[0]!.signal.aborted).toBe(false)
      expect(await take(true)).toEqual({ done: 1, missing: 0, trimmed: 0 })
      await until('the signal', () => stuck.runs[0]!.signal.aborted)
      stuck.release()
      // With one hand free the next one runs only when the first has ended, whatever it wanted to settle.
      const [next] = await lab.publish(1)
      const runs = () => stuck.runs.map((run) => [run.position, run.attempt])
      const held = deed === 'claim' ? [{ id: position, consumer: 'theirs', deliveries: 1 }] : []
      const again = deed === 'release' ? [[position, 2]] : []
      await until('the next run', () => stuck.runs.length === 2 + again.length)
      await until('the settlement', async () => (await pending()).length === held.length)
      expect(await pending()).toEqual(held)
      expect(runs().sort()).toEqual([[position, 1], ...again, [next, 1]].sort())
      expect(await admin.send(['EXISTS', deadLetterKey(lab.stream)])).toBe(0)
      expect(worker.status.failed).toBe(0)
    },
  )

  test('creates a group that was deleted by force again, where its own start says', async () => {
    const stuck = new Stuck()
    const seen: [position: string, attempt: number][] = []
    await lab.start(
      async (delivery) => {
        seen.push([delivery.position, delivery.attempt])
        if (delivery.event.data === 4) await stuck.handler(delivery)
      },
      { concurrency: 1 },
    )
    const positions = await lab.publish(5)
    await until('the last', () => stuck.runs.length === 1)
    await until('the settlement', async () => (await pending()).length === 1)
    expect(await failureOf(lifecycle.delete(lab.stream, GROUP, ada))).toMatchObject({ code: 'GROUP_BUSY' })
    const gone = await lifecycle.delete(lab.stream, GROUP, { ...ada, force: true })
    expect(gone).toMatchObject({ pending: 1, behind: 0, copies: 0, live: [expect.any(String)] })
    stuck.release()
    // The last one runs once more as well, but where its first run could still settle it in the new group.
    const again = () => seen.slice(5).filter(([position]) => position !== positions[4])
    await until('the others once more', () => again().length === 4)
    await until('the settlement', async () => (await pending()).length === 0)
    expect(again()).toEqual(positions.slice(0, 4).map((position) => [position, 1]))
  })
})
