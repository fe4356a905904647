import { VERDICTS, type GroupExplanation, type Severity, type Verdict } from '../../core/explain.ts'
import { comparePositions, FIRST_POSITION } from '../../core/position.ts'
import { RETRY_CONSUMER } from '../keys.ts'
import { command } from './commands.ts'
import type { ConsumerEvidence, GroupEvidence } from './evidence.ts'
import { factsOf, heldBy, silentMs } from './facts.ts'
import { LATE_MS, STUCK_MS, TAKE_OVER_MS } from './thresholds.ts'
import { duration, entries, listed, named } from './words.ts'

interface Finding {
  readonly severity: Severity
  readonly summary: string
  readonly commands: readonly string[]
}

/** Says what of a verdict is true; undefined where it is not the matter. */
type Rule = (evidence: GroupEvidence) => Finding | undefined

/** One look at each of these; what is critical comes before warnings, and then what comes first in this table. */
const RULES: Readonly<Record<Verdict, Rule>> = {
  'trimmed-under': trimmedUnder,
  'poison-entry': poisonEntry,
  'dead-consumer': deadConsumer,
  'stuck-consumer': stuckConsumer,
  'no-consumers': noConsumers,
  'started-late': startedLate,
  paused,
  'falling-behind': fallingBehind,
  draining,
  'lag-unknown': lagUnknown,
  retrying,
  healthy,
}

const GRAVITY: readonly Severity[] = ['critical', 'warning', 'ok']

/** How grave an explanation is, as a number: the less, the graver. */
export const rankOf = ({ verdict, severity }: { verdict: Verdict; severity: Severity }): number =>
  GRAVITY.indexOf(severity) * VERDICTS.length + VERDICTS.indexOf(verdict)

/** Judges one group by what is known of it, and by nothing else. */
export function diagnose(evidence: GroupEvidence): GroupExplanation {
  const found = VERDICTS.flatMap((verdict) => {
    const finding = RULES[verdict](evidence)
    return finding ? [{ verdict, ...finding }] : []
  }).sort((a, b) => rankOf(a) - rankOf(b))
  const [gravest, ...others] = found as [(typeof found)[number], ...typeof found]
  const { stream, group } = evidence
  const also = others.map(({ verdict }) => verdict).filter((verdict) => verdict !== 'healthy')
  return { stream, group, ...gravest, evidence: factsOf(evidence), also }
}

/**
 * Lost now: what is pending and not there any more, or was dropped between where the group is and the first entry there
 * is. What retention counted in the past is a warning, since the group may have gone on long ago.
 */
function trimmedUnder(evidence: GroupEvidence): Finding | undefined {
  const { pendingGone, lookedAt, unreadGone, recordedGone, firstGone, pending } = evidence
  if (pendingGone + unreadGone + recordedGone === 0) return undefined
  const atLeast = lookedAt < pending && pendingGone > 0 ? 'at least ' : ''
  const parts = [
    unreadGone > 0 && `${entries(unreadGone)} that it had not read were dropped from the stream`,
    pendingGone > 0 &&
      `${atLeast}${pendingGone} of ${entries(pending)} that are pending are gone from the stream`,
    recordedGone > 0 && `the hard cap of the stream has dropped ${entries(recordedGone)} that it needed`,
  ].filter((part) => part !== false)
  return {
    severity: pendingGone + unreadGone > 0 ? 'critical' : 'warning',
    summary: `${parts.join(', and ')}: raise the limit of the stream, or read faster`,
    commands: [
      on(evidence, 'stream info'),
      ...(firstGone ? [on(evidence, 'pending ls'), acknowledge(evidence, firstGone)] : []),
    ],
  }
}

/** A policy of Millrace ends it some day; other software has it come back for ever. */
function poisonEntry(evidence: GroupEvidence): Finding | undefined {
  const { worst, suspects, millrace } = evidence
  if (!worst) return undefined
  const others = suspects > 1 ? `, and so it is with ${entries(suspects - 1)} more` : ''
  const what = millrace ? 'was started' : 'was delivered'
  const where = isRetry(worst) ? 'waits for its retry' : `is held by ${named(worst.consumer)}`
  return {
    severity: millrace ? 'warning' : 'critical',
    summary: `the entry ${worst.position} ${what} ${worst.deliveries} times, is not acknowledged and ${where}${others}`,
    commands: [on(evidence, 'pending ls'), acknowledge(evidence, worst.position)],
  }
}

/** Members of Millrace take over by themselves, so one that lives is given the time for it, unless all are paused. */
function deadConsumer(evidence: GroupEvidence): Finding | undefined {
  const isUntaken = (consumer: ConsumerEvidence) =>
    !hasTakers(evidence) || (evidence.pausedMs === undefined && silentMs(consumer) > TAKE_OVER_MS)
  const dead = evidence.consumers.filter((one) => !one.live && one.pending > 0 && isUntaken(one))
  if (dead.length === 0) return undefined
  const advice = evidence.millrace
    ? 'start a consumer of the group, which takes them over, or release them'
    : 'claim them for one that lives'
  const silence = duration(Math.min(...dead.map(silentMs)))
  return {
    severity: 'critical',
    summary: `${listed(dead.map(({ name }) => name))}, not heard of for ${silence}, ${dead.length === 1 ? 'holds' : 'hold'} ${entries(heldBy(dead))}, and nobody takes them over: ${advice}`,
    commands: [...new Set(dead.slice(0, 3).flatMap((one) => handOver(evidence, one)))],
  }
}

/**
 * A consumer of other software that lives and leaves an entry alone for so long has forgotten it. One of Millrace keeps
 * what it holds fresh, so only the age of a first delivery tells, and only while the group has no old entries to read.
 */
function stuckConsumer(evidence: GroupEvidence): Finding | undefined {
  const stuck = evidence.consumers.filter((one) => one.live && heldMs(evidence, one) > STUCK_MS)
  const [first] = stuck.sort((a, b) => heldMs(evidence, b) - heldMs(evidence, a))
  if (!first?.oldest) return undefined
  const { position } = first.oldest
  const others = stuck.length > 1 ? `, as do ${stuck.length - 1} others` : ''
  const age = duration(heldMs(evidence, first))
  // Since when is not known of a first delivery by Millrace, so nothing is advised that would lose what may well be running.
  const { millrace } = evidence
  const what = millrace
    ? `${position} is ${age} old, and has not settled it: its handler hangs, unless it read that only lately`
    : `${position} for ${age}, and does not settle it`
  return {
    severity: isLate(evidence) ? 'critical' : 'warning',
    summary: `${named(first.name)} lives and holds ${entries(first.pending)}, of which ${what}${others}`,
    commands: [
      on(evidence, 'pending ls'),
      ...handOver(evidence, first),
      ...(millrace ? [] : [acknowledge(evidence, position)]),
    ],
  }
}

/** One of other software may ask once in a while, so what it has not read must be as old as it was idle. */
function noConsumers(evidence: GroupEvidence): Finding | undefined {
  const { consumers, waiting, inlet, millrace, allConsumers, minIdleMs, unreadAgeMs = 0 } = evidence
  if (consumers.some(({ live }) => live) || (!allConsumers && !millrace)) return undefined
  if (!hasUnread(evidence) && waiting + inlet === 0) return undefined
  if (!millrace && consumers.length > 0 && unreadAgeMs < minIdleMs) return undefined
  const parts = [
    hasUnread(evidence) && `${behindText(evidence)} to read`,
    waiting > 0 && `${entries(waiting)} waiting for a retry`,
    inlet > 0 && `${entries(inlet)} redriven or replayed to it`,
  ].filter((part) => part !== false)
  const who = consumers.length === 0 ? 'it has no consumers' : 'none of its consumers lives'
  return {
    severity: 'critical',
    summary: `${parts.join(' and ')}, and ${who}: start one, or delete the group where nobody needs it`,
    commands: [on(evidence, 'group info'), on(evidence, 'group delete', [], { 'dry-run': true })],
  }
}

/**
 * The server knows how many entries a group has read from the first one on, or since it once had read all. While it does
 * not though no entry was deleted singly, the group began behind the first entry, or was set there. That may be meant. It
 * forgets, too, when it reads its append-only file or takes over from its master, until the group has read all again: for
 * groups of Millrace there is a record of where they began, of others nobody can tell.
 */
function startedLate(evidence: GroupEvidence): Finding | undefined {
  const { entriesRead, holes, first, lastDelivered, behind, length, stream, group, millrace } = evidence
  const began = millrace ? (evidence.started ?? FIRST_POSITION) : lastDelivered
  if (entriesRead !== undefined || holes || !first || comparePositions(began, first) < 0) return undefined
  const before = behind === 'unknown' || began !== lastDelivered ? undefined : length - behind
  const [what, them] =
    before === 1 ? ['1 entry that is', 'it'] : [`${before ?? ''} entries that are`.trim(), 'them']
  const replay = command('replay', [stream], { group, from: first, to: began })
  return {
    severity: 'warning',
    summary: `it was created behind ${what} still there, or set behind ${them}, and has not read ${them}: well if that was meant, else have ${them} read${millrace ? '' : '; or Redis was started again since it last read, and forgot'}`,
    commands: [...(millrace ? [replay] : []), on(evidence, 'group reset', [], { to: 'start' })],
  }
}

function paused(evidence: GroupEvidence): Finding | undefined {
  const { pausedMs, millrace } = evidence
  if (pausedMs === undefined || !millrace) return undefined
  return {
    severity: 'warning',
    summary: `an operator paused it ${duration(pausedMs)} ago, with ${behindText(evidence)} to read`,
    commands: [on(evidence, 'group resume')],
  }
}

function fallingBehind(evidence: GroupEvidence): Finding | undefined {
  const { trend } = evidence
  if (!trend || !isLate(evidence) || !isServed(evidence) || trend.after < trend.before) return undefined
  const what = `within ${duration(trend.sampleMs)} it was delivered ${entries(trend.delivered)} while ${trend.added} came in`
  return {
    severity: 'warning',
    summary: `it is ${behindText(evidence)} behind, the oldest ${ageText(evidence)} old, and does not catch up: ${what}; start more consumers, or find out what makes them slow`,
    commands: [on(evidence, 'group info'), on(evidence, 'pending ls')],
  }
}

function draining(evidence: GroupEvidence): Finding | undefined {
  const { trend } = evidence
  if (!trend || !isLate(evidence) || !isServed(evidence) || trend.after >= trend.before) return undefined
  const leftMs = (trend.after * trend.sampleMs) / (trend.before - trend.after)
  return {
    severity: 'ok',
    summary: `it is ${behindText(evidence)} behind, and catches up: at this pace it is through in about ${duration(leftMs)}`,
    commands: [],
  }
}

function lagUnknown(evidence: GroupEvidence): Finding | undefined {
  if (evidence.behind !== 'unknown') return undefined
  const why = evidence.holes
    ? 'single entries were deleted from the stream'
    : 'its place was set by hand, or the stream was trimmed under it'
  const oldest = evidence.unreadAgeMs === undefined ? '' : `, the oldest ${ageText(evidence)} old`
  return {
    severity: 'warning',
    summary: `it has entries to read${oldest}; how many can't be told, since ${why} and there are too many to count`,
    commands: [on(evidence, 'stream info')],
  }
}

function retrying({ waiting }: GroupEvidence): Finding | undefined {
  if (waiting === 0) return undefined
  return { severity: 'ok', summary: `${entries(waiting)} failed, to be tried again`, commands: [] }
}

function healthy(evidence: GroupEvidence): Finding {
  const { behind, pending } = evidence
  const read = behind === 0 ? 'it has read everything' : `it is ${behindText(evidence)} behind`
  return { severity: 'ok', summary: `${read}, with ${entries(pending)} pending`, commands: [] }
}

/** Whether it has something old to read. */
export const isLate = ({ behind, unreadAgeMs = 0 }: GroupEvidence): boolean =>
  behind !== 0 && unreadAgeMs > LATE_MS

/** Whether somebody is there who may read, as far as anybody knows. */
export const isServed = ({ consumers, allConsumers, pausedMs, millrace }: GroupEvidence): boolean =>
  (consumers.some(({ live }) => live) || !allConsumers) && !(millrace && pausedMs !== undefined)

const hasUnread = ({ behind, unreadAgeMs }: GroupEvidence): boolean =>
  behind === 'unknown' ? unreadAgeMs !== undefined : behind > 0

const hasTakers = ({ millrace, consumers }: GroupEvidence): boolean =>
  millrace && consumers.some(({ live, heartbeatMs }) => live && heartbeatMs !== undefined)

const isRetry = ({ consumer }: { consumer: string }): boolean => consumer === RETRY_CONSUMER

function heldMs(evidence: GroupEvidence, { oldest, heartbeatMs }: ConsumerEvidence): number {
  if (!oldest) return 0
  if (heartbeatMs === undefined) return oldest.idleMs
  return oldest.deliveries === 1 && !isLate(evidence) ? oldest.ageMs : 0
}

/** What has others do the work: released within Millrace, claimed where whoever does must be named. */
function handOver(evidence: GroupEvidence, { name, live }: ConsumerEvidence): string[] {
  const { stream, group, millrace, consumers } = evidence
  const force = live ? ({ force: true } as const) : {}
  if (millrace) return [command('consumer release', [stream, group, name], force)]
  const heir = consumers.find((one) => one.live && one.name !== name)
  if (!heir) return [on(evidence, 'group info')]
  const claim = command('consumer claim', [stream, group], { from: name, to: heir.name, ...force })
  return live ? [claim] : [claim, on(evidence, 'consumer rm', [name])]
}

/** By force where a consumer that lives is known to hold it. */
function acknowledge(evidence: GroupEvidence, position: string): string {
  const { worst, consumers } = evidence
  const holder = worst?.position === position ? worst.consumer : undefined
  const isHeld = consumers.some(
    ({ live, name, oldest }) => live && (name === holder || oldest?.position === position),
  )
  return on(evidence, 'pending ack', [position], isHeld ? { force: true } : {})
}

const behindText = ({ behind }: GroupEvidence): string =>
  behind === 'unknown' ? 'an unknown number of entries' : entries(behind)

const ageText = ({ unreadAgeMs = 0 }: GroupEvidence): string => duration(unreadAgeMs)

function on(
  { stream, group }: GroupEvidence,
  verb: string,
  more: readonly string[] = [],
  options: Readonly<Record<string, string | true>> = {},
): string {
  return command(verb, verb.startsWith('stream') ? [stream] : [stream, group, ...more], options)
}
