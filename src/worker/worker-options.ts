import { hostname } from 'node:os'
import { randomBytes } from 'node:crypto'
import type { AuditTrail } from '../core/audit.ts'
import type { Handler } from '../core/delivery.ts'
import { InvalidError, type Issue } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { noLog, type Log } from '../core/service.ts'
import { resolveRetryPolicy, type RetryPolicy } from './retry-policy.ts'

export interface WorkerOptions {
  stream: string
  group: string
  handler: Handler
  /** Unique per consumer; made from host, process and chance when left out. */
  consumer?: string
  /** Where a group that does not exist yet begins: `0` (default), `$` or a position. */
  start?: string
  /** Handlers that run at once (10). Events of one key run one after the other all the same. */
  concurrency?: number
  /** Entries held at once, running ones included (2000); how many are really read ahead follows the speed. */
  maxHeld?: number
  retry?: RetryPolicy
  /** How long a consumer of ours may miss its heartbeat before others take its entries over, in ms (10000). */
  deadAfterMs?: number
  /** How long a consumer of other software may be idle on an entry before it is taken over, in ms (60000). */
  minIdleMs?: number
  /** Records every consumed entry. `main`: this group decides when an entry counts as processed (default true). */
  audit?: { trail: AuditTrail; main?: boolean }
  log?: Log
}

export type ResolvedOptions = Required<Omit<WorkerOptions, 'retry' | 'audit'>> & {
  retry: Required<RetryPolicy>
  audit: { trail: AuditTrail; main: boolean } | undefined
}

/** @throws InvalidError `CONFIGURATION_INVALID` with every option that makes no sense */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedOptions {
  checkName('stream name', options.stream)
  checkName('group name', options.group)
  const resolved = {
    consumer: uniqueConsumerName(),
    start: '0',
    concurrency: 10,
    maxHeld: 2_000,
    deadAfterMs: 10_000,
    minIdleMs: 60_000,
    log: noLog,
    ...options,
    retry: resolveRetryPolicy(options.retry),
    audit: options.audit && { main: true, ...options.audit },
  }
  const issues: Issue[] = []
  for (const name of ['concurrency', 'maxHeld', 'deadAfterMs', 'minIdleMs'] as const) {
    const value = resolved[name]
    if (!Number.isInteger(value) || value < 1)
      issues.push({ path: name, message: `must be a whole number from 1 on, not ${value}` })
  }
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the worker can not run like this', issues)
  checkName('consumer name', resolved.consumer)
  return resolved
}

/** One name twice would share a pending list between two processes, and each would settle the other's entries. */
const uniqueConsumerName = (): string => `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
