import { askRedis } from './ask-redis.ts'
import type { TestServer } from './test-server.ts'

const KEYS_AT_ONCE = 100
const MIGRATE_MS = 10_000

/** A master of a cluster. */
export interface ClusterMaster {
  id: string
  server: TestServer
}

/** A slot on its way from one master to another. Until `finish`, clients are redirected by ASK and TRYAGAIN. */
export interface SlotMigration {
  readonly from: TestServer
  readonly to: TestServer
  /** Moves up to so many of the slot's keys, or all. Resolves with how many it moved. */
  moveKeys(most?: number): Promise<number>
  /** Moves the keys that are left and gives the slot to its new owner; all nodes know it when this resolves. */
  finish(): Promise<void>
}

export interface MigrationPlan {
  slot: number
  from: ClusterMaster
  to: ClusterMaster
  /** Every master, the two included. */
  masters(): Promise<TestServer[]>
  untilKnown(): Promise<void>
}

/** Opens the slot on both sides, the importing one first: a client that is sent there must not be sent back. */
export async function beginMigration(plan: MigrationPlan): Promise<SlotMigration> {
  const { slot, from, to } = plan
  const setSlot = (server: TestServer, ...how: string[]) =>
    askRedis(server.port, ['CLUSTER', 'SETSLOT', String(slot), ...how])
  await setSlot(to.server, 'IMPORTING', from.id)
  await setSlot(from.server, 'MIGRATING', to.id)
  const moveKeys = (most = Infinity): Promise<number> => moveSlotKeys(plan, most)
  return {
    from: from.server,
    to: to.server,
    moveKeys,
    async finish() {
      await moveKeys()
      // First whoever gets it, then whoever had it: in between nobody may be sent in a circle.
      await setSlot(to.server, 'NODE', to.id)
      await setSlot(from.server, 'NODE', to.id)
      const others = (await plan.masters()).filter((one) => one !== from.server && one !== to.server)
      await Promise.all(others.map((server) => setSlot(server, 'NODE', to.id)))
      await plan.untilKnown()
    },
  }
}

async function moveSlotKeys({ slot, from, to }: MigrationPlan, most: number): Promise<number> {
  for (let moved = 0; ;) {
    const count = String(Math.min(KEYS_AT_ONCE, most - moved))
    const list = ['CLUSTER', 'GETKEYSINSLOT', String(slot), count]
    const keys = ((await askRedis(from.server.port, list)) as string[]).map(String)
    if (keys.length === 0) return moved
    const target = ['127.0.0.1', String(to.server.port), '', '0', String(MIGRATE_MS)]
    await askRedis(from.server.port, ['MIGRATE', ...target, 'KEYS', ...keys], 2 * MIGRATE_MS)
    moved += keys.length
  }
}
