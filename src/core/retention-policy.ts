import { InvalidError, toError, type Issue } from './errors.ts'
import { checkName } from './names.ts'
import { isEntryId, plainPosition } from './position.ts'

/**
 * What is kept of a stream. Every limit but `hardMaxLength` lets go only what nobody needs. Without any, all is kept.
 */
export interface RetentionPolicy {
  /** Entries beyond so many may go, oldest first. */
  maxLength?: number
  /** Entries older than so many ms, by their positions, may go. */
  maxAgeMs?: number
  /**
   * Entries may go as soon as every group is done with them, or `keepMs` after they were written if that is later.
   * While the stream has no group at all, this lets nothing go: nobody has had it.
   */
  processed?: true | { keepMs?: number }
  /**
   * Entries beyond so many go in any case, oldest first, also what is unread or held. For streams that must not fill
   * the memory whatever happens; what it drops is counted for each group.
   */
  hardMaxLength?: number
  /** A group that lags and shows no consumer for so many ms is abandoned; at least 60000. */
  abandonedAfterMs?: number
  /** What happens to an abandoned group: it is reported (`alarm`, the default), or destroyed with all that it has (`expire`). */
  abandonedAction?: 'alarm' | 'expire'
}

export interface ResolvedRetentionPolicy {
  readonly maxLength: number | undefined
  readonly maxAgeMs: number | undefined
  /** Of `processed`. */
  readonly keepMs: number | undefined
  readonly hardMaxLength: number | undefined
  readonly abandonedAfterMs: number | undefined
  readonly abandonedAction: 'alarm' | 'expire'
}

/** A stream and what is kept of it, as a program declares it. */
export interface RetentionDeclaration {
  stream: string
  policy: RetentionPolicy
  /** The groups that should exist, each with where it begins (`0` when left out). */
  groups?: readonly { name: string; start?: string }[]
}

/** A group that should exist: while it does not, what it will want to read is kept for it. */
export interface DeclaredGroup {
  readonly name: string
  /** Where it begins: `0` needs everything that is there, `$` nothing, a position what comes after it. */
  readonly start: string
}

/** What is kept of one stream, or of one stream of dead letters. */
export interface RetentionTarget {
  readonly stream: string
  readonly policy: ResolvedRetentionPolicy
  readonly groups: readonly DeclaredGroup[]
  /** Entries below this position may go as well, in the place of those that `maxAgeMs` lets go. */
  readonly before?: string
}

/** Less is no sign of anything: consumers restart, and handlers take their time. */
const MIN_ABANDONED_AFTER_MS = 60_000

const OPTIONS = new Set<string>([
  'maxLength',
  'maxAgeMs',
  'processed',
  'hardMaxLength',
  'abandonedAfterMs',
  'abandonedAction',
] satisfies (keyof RetentionPolicy)[])

/**
 * Checks what was declared and fills in what was left out.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake in it
 * @example
 * const target = resolveRetention({
 *   stream: 'user:events',
 *   policy: { processed: { keepMs: 86_400_000 }, maxLength: 1_000_000 },
 *   groups: [{ name: 'mailer' }],
 * })
 */
export function resolveRetention(declaration: RetentionDeclaration): RetentionTarget {
  const { stream, policy, groups = [] } = declaration
  const declared = groups.map(({ name, start = '0' }) => ({ name, start: plain(start) }))
  const issues = [...nameIssues('stream', 'stream name', stream), ...policyIssues(policy)]
  declared.forEach((group, index) => issues.push(...groupIssues(`groups.${index}`, group)))
  if (issues.length > 0) {
    const message = `the retention of ${JSON.stringify(stream)} is impossible`
    throw new InvalidError('CONFIGURATION_INVALID', message, issues)
  }
  return { stream, policy: withDefaults(policy), groups: declared }
}

function withDefaults(policy: RetentionPolicy): ResolvedRetentionPolicy {
  const { maxLength, maxAgeMs, processed, hardMaxLength, abandonedAfterMs, abandonedAction } = policy
  return {
    maxLength,
    maxAgeMs,
    keepMs: processed === undefined ? undefined : processed === true ? 0 : (processed.keepMs ?? 0),
    hardMaxLength,
    abandonedAfterMs,
    abandonedAction: abandonedAction ?? 'alarm',
  }
}

function policyIssues(policy: RetentionPolicy): Issue[] {
  if (typeof policy !== 'object' || policy === null)
    return [{ path: 'policy', message: 'must be an object such as { maxLength: 100000 }' }]
  const issues: Issue[] = []
  const require = (name: string, holds: boolean, wanted: string, value: unknown) => {
    if (!holds) issues.push({ path: `policy.${name}`, message: `must be ${wanted}, not ${shown(value)}` })
  }
  const whole = (name: string, value: unknown, min: number) =>
    require(name, value === undefined ||
      (Number.isSafeInteger(value) && Number(value) >= min), `a whole number from ${min} on`, value)
  const { maxLength, maxAgeMs, processed, hardMaxLength, abandonedAfterMs, abandonedAction } = policy
  whole('maxLength', maxLength, 0)
  whole('maxAgeMs', maxAgeMs, 1)
  whole('hardMaxLength', hardMaxLength, 1)
  whole('abandonedAfterMs', abandonedAfterMs, MIN_ABANDONED_AFTER_MS)
  const keeps = typeof processed === 'object' && processed !== null
  require('processed', processed === undefined ||
    processed === true ||
    keeps, 'true or { keepMs }', processed)
  if (keeps) whole('processed.keepMs', processed.keepMs, 0)
  require('abandonedAction', abandonedAction === undefined ||
    abandonedAction === 'alarm' ||
    abandonedAction === 'expire', '"alarm" or "expire"', abandonedAction)
  if (maxLength !== undefined && hardMaxLength !== undefined)
    require('hardMaxLength', hardMaxLength >= maxLength, `at least maxLength, ${maxLength}`, hardMaxLength)
  if (abandonedAction === 'expire')
    require('abandonedAfterMs', abandonedAfterMs !== undefined, 'given, for groups to expire', undefined)
  for (const name of Object.keys(policy))
    if (!OPTIONS.has(name))
      issues.push({ path: `policy.${name}`, message: `is no option; there are ${[...OPTIONS].join(', ')}` })
  return issues
}

function groupIssues(path: string, { name, start }: DeclaredGroup): Issue[] {
  const issues = nameIssues(`${path}.name`, 'group name', name)
  if (start !== '0' && start !== '$' && !isEntryId(start))
    issues.push({
      path: `${path}.start`,
      message: `must be "0", "$" or a position such as 1700000000000-0, not ${shown(start)}`,
    })
  return issues
}

function nameIssues(path: string, what: string, name: unknown): Issue[] {
  try {
    checkName(what, name)
    return []
  } catch (error) {
    return [{ path, message: toError(error).message }]
  }
}

/** What is no position stays as it is, to be refused. */
const plain = (start: string): string => (isEntryId(start) ? plainPosition(start) : start)

const shown = (value: unknown): string => (typeof value === 'string' ? `"${value}"` : String(value))
