/**
 * From where on something is too much. Change them to what your events need, run `npm run dashboards`, and load the rules
 * again; docs/deployment/monitoring.md says how to choose.
 */
export const OBJECTIVES = {
  /** Entries that a group may be behind, as long as it catches up. */
  lagEntries: 1_000,
  /** From the entry in Redis to the first start of its handler, for 95 of 100 events. */
  eventDelaySeconds: 60,
  /** Longer than any handler may take, its retries aside. */
  pendingSeconds: 300,
  /** Longer than a consumer that lives leaves Redis alone. */
  idleSeconds: 600,
  /** Of the starts of handlers. */
  redeliveryRatio: 0.2,
  /** Of what a group ends. */
  deadLetterRatio: 0.05,
  /** Of what is published. */
  publishFailureRatio: 0.01,
  /** Of the requests of a requester. */
  rpcFailureRatio: 0.05,
  /** Of HTTP requests. */
  httpErrorRatio: 0.05,
  outboxSeconds: 60,
  /** Below MAX_MEMORY_BYTES, from where on requests are refused. */
  processBytes: 768 * 1024 * 1024,
  redisMemoryRatio: 0.8,
  redisMemoryFullRatio: 0.95,
  /** Below MAX_EVENT_LOOP_DELAY_MS, from where on requests are refused. */
  eventLoopSeconds: 0.25,
  openFilesRatio: 0.8,
} as const
