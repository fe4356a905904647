import { LONGEST_TIMER_MS } from '../core/require-counts.ts'
import type { AuditTrail } from '../core/audit.ts'
import { faultsOf, type BatchHandler, type Handler } from '../core/delivery.ts'
import { InvalidError, type Issue } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { noLog, type Log } from '../core/service.ts'
import type { RateLimit } from '../core/stream-log.ts'
import { uniqueName } from '../core/unique-name.ts'
import type { BatchOptions } from './batch-collector.ts'
import type { BreakerOptions } from './breaker.ts'
import { RetryPolicies, type RetryOptions } from './retry-policies.ts'

export interface WorkerOptions {
  stream: string
  group: string
  /** Runs each event; or `batchHandler`, which runs many at once. */
  handler?: Handler
  batchHandler?: BatchHandler
  /** How `batchHandler` is fed: 100 events, without waiting for more, unless told otherwise. */
  batch?: BatchOptions
  /** Unique per consumer; made from host, process and chance when left out. */
  consumer?: string
  /** Where a group that does not exist yet begins: `0` (default), `$` or a position. */
  start?: string
  /**
   * How far the order of the events of one key reaches, retries included; other keys go on. `process` (default): in this
   * process while it lives, but not across processes, crashes and restarts. `key`: across all of these, by one member
   * of the group at a time, whose lease ends `deadAfterMs` after it died. All members of a group must agree on it.
   */
  order?: 'process' | 'key'
  /** Handlers that run at once (10). Events of one key run one after the other all the same. */
  concurrency?: number
  /** Entries held at once, running ones included (2000); how many are really read ahead follows the speed. */
  maxHeld?: number
  retry?: RetryOptions
  /**
   * How long a handler may run, in ms (300000; Infinity for no limit). Then its `signal` is aborted and the attempt has
   * failed. A handler that does not listen to the signal may go on beside the next attempt.
   */
  handlerTimeoutMs?: number
  /** Runs no second event with the source and id of one that was acknowledged within `ttlMs`. Off by default. */
  deduplicate?: { ttlMs: number }
  /** At most so many events in any `perMs`, all members of the group together. */
  rateLimit?: RateLimit
  /** Stops for a while when handlers fail one after the other. Off by default. */
  circuitBreaker?: BreakerOptions
  /** How long a consumer of ours may miss its heartbeat before others take its entries over, in ms (10000). */
  deadAfterMs?: number
  /** How long a consumer of other software may be idle on an entry before it is taken over, in ms (60000). */
  minIdleMs?: number
  /** Longest pause between two looks for what consumers of other software left behind, in ms (30000). */
  claimIntervalMs?: number
  /** Longest wait of a read for entries before it is made again, in ms (2000); about 900 is as long as any waits. */
  pollMs?: number
  /** Longest pause before a read that failed is made again, in ms (250). */
  maxFaultDelayMs?: number
  /** Records every consumed entry. `main`: this group decides when an entry counts as processed (default true). */
  audit?: { trail: AuditTrail; main?: boolean }
  log?: Log
}

type Optional = 'batchHandler' | 'deduplicate' | 'rateLimit'

export type ResolvedOptions = Required<Omit<WorkerOptions, 'retry' | 'audit' | 'circuitBreaker' | Optional>> &
  Pick<WorkerOptions, Optional> & {
    batch: Required<BatchOptions>
    retry: RetryPolicies
    circuitBreaker: Required<BreakerOptions> | undefined
    audit: { trail: AuditTrail; main: boolean } | undefined
  }

const DEFAULTS = {
  start: '0',
  order: 'process' as const,
  concurrency: 10,
  maxHeld: 2_000,
  handlerTimeoutMs: 300_000,
  deadAfterMs: 10_000,
  minIdleMs: 60_000,
  claimIntervalMs: 30_000,
  pollMs: 2_000,
  maxFaultDelayMs: 250,
  log: noLog,
}
const TIMES = ['deadAfterMs', 'minIdleMs', 'claimIntervalMs', 'pollMs', 'maxFaultDelayMs'] as const
const BATCH = { size: 100, waitMs: 0 }
const BREAKER = { failures: 5, openMs: 30_000 }

/** @throws InvalidError `CONFIGURATION_INVALID` with every option that makes no sense */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedOptions {
  checkName('stream name', options.stream)
  checkName('group name', options.group)
  const { batchHandler } = options
  const retry = new RetryPolicies(options.retry)
  const resolved: ResolvedOptions = {
    consumer: uniqueName(),
    ...DEFAULTS,
    ...options,
    handler: options.handler ?? oneByOne(batchHandler!),
    batch: batchHandler ? { ...BATCH, ...options.batch } : { size: 1, waitMs: 0 },
    retry,
    circuitBreaker: options.circuitBreaker && { ...BREAKER, ...options.circuitBreaker },
    audit: options.audit && { main: true, ...options.audit },
  }
  const issues = [...retry.issues, ...issuesOf(options, resolved)]
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the worker can not run like this', issues)
  checkName('consumer name', resolved.consumer)
  return resolved
}

/** A batch handler for what runs alone. */
const oneByOne =
  (batchHandler: BatchHandler): Handler =>
  async (delivery) => {
    const [fault] = faultsOf(await batchHandler([delivery]))
    if (fault) throw fault
  }

function issuesOf(given: WorkerOptions, resolved: ResolvedOptions): Issue[] {
  const { handlerTimeoutMs, order, deduplicate, rateLimit, circuitBreaker, batch } = resolved
  const issues: Issue[] = []
  const require = (holds: boolean, path: string, wanted: string, value: unknown) => {
    if (!holds) issues.push({ path, message: `must be ${wanted}, not ${String(value)}` })
  }
  const count = (path: string, value: unknown) =>
    require(isCount(value), path, 'a whole number from 1 on', value)
  for (const name of ['concurrency', 'maxHeld'] as const) count(name, resolved[name])
  for (const name of TIMES) {
    const isTime = isLimit(resolved[name], 1) && Number.isInteger(resolved[name])
    require(isTime, name, `a whole number of ms from 1 to ${LONGEST_TIMER_MS}`, resolved[name])
  }
  if (deduplicate) count('deduplicate.ttlMs', deduplicate.ttlMs)
  if (rateLimit) for (const name of ['count', 'perMs'] as const) count(`rateLimit.${name}`, rateLimit[name])
  if (circuitBreaker)
    for (const name of ['failures', 'openMs'] as const) count(`circuitBreaker.${name}`, circuitBreaker[name])
  count('batch.size', batch.size)
  require(isLimit(batch.waitMs, 0), 'batch.waitMs', `from 0 to ${LONGEST_TIMER_MS}`, batch.waitMs)
  const isTimeout = handlerTimeoutMs === Infinity || isLimit(handlerTimeoutMs, 1)
  require(isTimeout, 'handlerTimeoutMs', `from 1 to ${LONGEST_TIMER_MS} or Infinity`, handlerTimeoutMs)
  require(order === 'process' || order === 'key', 'order', '"process" or "key"', order)
  const handlers = [given.handler, given.batchHandler].filter((handler) => handler !== undefined)
  if (handlers.length !== 1 || typeof handlers[0] !== 'function')
    issues.push({
      path: 'handler',
      message: 'must be a function, or else batchHandler must be one: not both',
    })
  return issues
}

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1
const isLimit = (value: number, least: number): boolean =>
  Number.isFinite(value) && value >= least && value <= LONGEST_TIMER_MS
