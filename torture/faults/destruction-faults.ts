import { destroy } from '../destroy.ts'
import { LANE_NAMES, LANES } from '../load.ts'
import type { Fault } from './fault.ts'

const AT_ONCE = { claims: 'redis', lastsMs: [0, 0] } as const

/** What takes data of one stream away. Each writes down, in the same step, what there was to be lost. */
export const streamFaults: Readonly<Record<string, Fault>> = {
  'stream-delete': {
    ...AT_ONCE,
    async run({ victim }, { topology }) {
      const lane = LANE_NAMES[victim % LANE_NAMES.length]!
      return { detail: lane, destroyed: await destroy(topology, { what: 'stream', lane }) }
    },
  },
  'group-delete': {
    ...AT_ONCE,
    async run({ victim }, { topology }) {
      const groups = LANE_NAMES.flatMap((lane) => LANES[lane].groups.map((group) => ({ lane, group })))
      const { lane, group } = groups[victim % groups.length]!
      return { detail: group, destroyed: await destroy(topology, { what: 'group', lane, group }) }
    },
  },
  'pending-trim': {
    ...AT_ONCE,
    async run({ victim }, { topology }) {
      const lane = LANE_NAMES[victim % LANE_NAMES.length]!
      return { detail: lane, destroyed: await destroy(topology, { what: 'pending', lane }) }
    },
  },
}

/** The same where one server has all streams, which one step can look at and destroy. */
export const destructionFaults: Readonly<Record<string, Fault>> = {
  ...streamFaults,
  flushall: {
    ...AT_ONCE,
    run: async (_, { topology }) => ({ destroyed: await destroy(topology, { what: 'all' }) }),
  },
}
