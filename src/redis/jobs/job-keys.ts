import { slotPrefix } from '../slots.ts'

/** Apart from the companions of the stream of that name, into which the ticks of schedules go. */
const PREFIX = `${slotPrefix('millrace:jobs')}work:`

/** Hash: a job. It expires 7 days after its end. */
export const jobKey = (id: string): string => `${PREFIX}job:${id}`

/** Sorted set: unfinished job → until when its runner has it, in ms of the server's clock; 0 while it waits for one. */
export const OPEN_KEY = `${PREFIX}open`
/** Sorted set: finished job → when it ended. */
export const ENDED_KEY = `${PREFIX}ended`
/** Sorted set: all jobs, by their ids. */
export const ALL_KEY = `${PREFIX}all`
/** Hash: digest of what an unfinished job does → its id. */
export const ACTIVE_KEY = `${PREFIX}active`
/** The last id. */
export const LAST_KEY = `${PREFIX}last`

/** KEYS of the scripts about one job. */
export const keysOf = (id: string): string[] => [jobKey(id), OPEN_KEY, ENDED_KEY, ALL_KEY, ACTIVE_KEY]
