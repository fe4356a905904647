/** Delivered, or started, so often and still pending, an entry is under suspicion. */
export const POISON_DELIVERIES = 5
/** A consumer of Millrace lives while its last heartbeat is younger: twice what its peers wait for. */
export const LIVE_HEARTBEAT_MS = 20_000
/** Peers that live take over what a dead one held, within seconds: after so long they did not. */
export const TAKE_OVER_MS = 120_000
/** Longer than a handler should take. */
export const STUCK_MS = 300_000
/** Entries that are younger are on their way: whoever has nothing older to read keeps up. */
export const LATE_MS = 5_000
