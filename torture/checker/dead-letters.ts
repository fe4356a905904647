import type { Letter } from '../destroy.ts'
import { ATTEMPTS, LANES, traitsOf } from '../load.ts'
import { TRIMMED } from './delivery.ts'
import type { History } from './history.ts'
import type { Ledger, Work } from './ledger.ts'
import type { Violation } from './report.ts'

/** A fault before or after may still have to do with it: a kill shows when others take over. */
const SLACK_MS = 5_000

/**
 * What is poisoned is dead-lettered once, after exactly so many started attempts, and nothing that is healthy is. A
 * group that was destroyed has forgotten attempts, so there they may begin anew.
 */
export function checkDeadLetters(ledger: Ledger, history: History): Violation[] {
  return LANES[ledger.lane].groups.flatMap((group) => checkGroup(ledger, group, history))
}

function checkGroup(ledger: Ledger, group: string, history: History): Violation[] {
  const { lane } = ledger
  const violations: Violation[] = []
  const byId = new Map<string, Letter[]>()
  const trimmed = new Set(history.destructions(lane).flatMap(({ state }) => state.trimmed.map(positionIn)))
  for (const letter of ledger.letters.get(group)!) {
    // What was trimmed leaves no fields, also where its handler failed for the last time.
    if (letter.error === TRIMMED || letter.id === '') {
      if (!trimmed.has(letter.position))
        violations.push(wrong(ledger, letter, 'an entry that nobody trimmed', group))
    } else if (!traitsOf(lane, letter.id).poison)
      violations.push(wrong(ledger, letter, 'it is healthy', group))
    else byId.set(letter.id, [...(byId.get(letter.id) ?? []), letter])
  }
  for (const [id, letters] of byId) violations.push(...checkPoison(ledger, group, { id, letters }, history))
  for (const [id, { effects }] of ledger.work.get(group)!)
    if (effects.length > 0 && traitsOf(lane, id).poison)
      violations.push({
        invariant: 'poison',
        subject: id,
        expected: 'no effect',
        found: 'an effect',
        lane,
        eventId: id,
      })
  return violations
}

const positionIn = (mark: string): string => mark.slice(0, mark.indexOf(' '))

const wrong = (
  { lane }: Ledger,
  { id, position, error, reason, attempts }: Letter,
  why: string,
  group: string,
): Violation => ({
  invariant: 'dead-letter',
  subject: `${id} at ${position} in ${group}`,
  expected: `no dead letter: ${why}`,
  found: `${error} after ${attempts} attempts: ${reason}`,
  lane,
  eventId: id,
})

function checkPoison(
  { lane, work, positions, published }: Ledger,
  group: string,
  { id, letters }: { id: string; letters: readonly Letter[] },
  history: History,
): Violation[] {
  const { position } = letters[0]!
  const known = work.get(group)?.get(id)
  const violation = (expected: string, found: string): Violation => ({
    invariant: 'poison',
    subject: `${id} at ${position} in ${group}`,
    expected,
    found,
    lane,
    eventId: id,
    at: known?.starts[0]?.at ?? 0,
  })
  const rounds = roundsOf(known, { lane, group, position, copies: positions.get(id)?.size ?? 1 }, history)
  const violations: Violation[] = []
  if (letters.length > rounds) violations.push(violation('one dead letter', `${letters.length} dead letters`))
  for (const { attempts } of letters)
    if (attempts !== ATTEMPTS) violations.push(violation(`${ATTEMPTS} attempts`, `${attempts} attempts`))
  const wrongStarts = known && startsAtFault(lane, known, rounds, published.get(id)?.at ?? 0, history)
  if (wrongStarts) violations.push(violation(`${ATTEMPTS} starts`, wrongStarts))
  return violations
}

/** How often its attempts may have begun: anew for each copy, and wherever the group, or the server, forgot them. */
function roundsOf(
  known: Work | undefined,
  entry: { lane: Ledger['lane']; group: string; position: string; copies: number },
  history: History,
): number {
  const { lane, group, position, copies } = entry
  const forgotten = history.wasForgotten(lane, group, position)
    ? history.groupDeletions(lane, group).length
    : 0
  const [first, last] = [known?.starts[0]?.at ?? 0, known?.starts.at(-1)?.at ?? 0]
  return copies + forgotten + history.rollbacks(first, last + SLACK_MS)
}

/** None is started twice. Some may be missing where it died before it was started, none where nothing went wrong. */
function startsAtFault(
  lane: Ledger['lane'],
  { starts, thrown }: Work,
  rounds: number,
  publishedAt: number,
  history: History,
): string | undefined {
  const last = starts.at(-1)!.at
  const attempts = new Set(starts.map(({ attempt }) => attempt)).size
  // Within an attempt the inbox starts a handler anew where PostgreSQL rolled it back.
  const count = LANES[lane].effects === 'inbox' ? attempts : starts.length
  if (count > ATTEMPTS * rounds) return `${count} starts`
  // A delivery that died before it was started counts as a start.
  if (rounds > 1 || history.during(publishedAt - SLACK_MS, last + SLACK_MS).length > 0) return undefined
  return attempts === ATTEMPTS ? undefined : `${attempts} starts, ${thrown} of them failed, and no fault near`
}
