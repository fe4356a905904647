import type { Letter } from '../destroy.ts'
import { PUBLISHED, readEvidence, WORKED } from '../evidence.ts'
import { LANES, type LaneName } from '../load.ts'
import type { History } from './history.ts'
import type { Found } from './observe.ts'

/** What became of an event on its way in. */
export interface Publication {
  readonly at: number
  readonly key: string
  outcome: 'ok' | 'failed' | 'unknown'
  /** Where an `ok`, or a relay, said that it is; empty where nobody heard of it. */
  position: string
  /** When an `ok` was said. */
  answeredAt: number
}

/** What one group did with an event. */
export interface Work {
  readonly starts: { at: number; position: string; attempt: number; who: string }[]
  readonly effects: { at: number; position: string; who: string }[]
  thrown: number
  broken: number
}

/** Everything that is known of one lane. */
export interface Ledger {
  readonly lane: LaneName
  readonly published: ReadonlyMap<string, Publication>
  /** By group, then by event id, in the order of first starts. */
  readonly work: ReadonlyMap<string, ReadonlyMap<string, Work>>
  /** By group, all there ever were. */
  readonly letters: ReadonlyMap<string, readonly Letter[]>
  /** How often the effect of an event was produced, in the order of the first times. */
  readonly produced: ReadonlyMap<string, number>
  /** Positions at which an event was seen, at the end or by whoever started it. */
  readonly positions: ReadonlyMap<string, ReadonlySet<string>>
}

export function readLedger(folder: string, lane: LaneName, found: Found, history: History): Ledger {
  const work = readWork(folder, lane)
  const positions = new Map<string, Set<string>>()
  const saw = (id: string, position: string) => {
    const seen = positions.get(id)
    if (seen) seen.add(position)
    else positions.set(id, new Set([position]))
  }
  for (const byId of work.values())
    for (const [id, { starts }] of byId) for (const { position } of starts) saw(id, position)
  for (const [position, id] of found.streams[lane].entries) saw(id, position)
  const states = history.destructions(lane).map(({ state }) => state)
  const letters = [
    ...states.flatMap((state) => state.letters.map((text) => JSON.parse(text) as Letter)),
    ...found.streams[lane].letters,
  ]
  const produced = new Map<string, number>()
  for (const id of [...states.flatMap(({ effects }) => effects), ...found.streams[lane].effects])
    produced.set(id, (produced.get(id) ?? 0) + 1)
  const byGroup = LANES[lane].groups.map(
    (group) => [group, letters.filter((letter) => letter.group === group)] as const,
  )
  return {
    lane,
    published: readPublished(folder, lane),
    work,
    letters: new Map(byGroup),
    produced,
    positions,
  }
}

function readPublished(folder: string, lane: LaneName): Map<string, Publication> {
  const published = new Map<string, Publication>()
  for (const [what, time, id, last = ''] of readEvidence(folder, `published.${lane}`)) {
    const known = published.get(id!)
    if (what === PUBLISHED.intent) {
      // Until something else is known.
      const at = Number(time)
      published.set(id!, { at, key: last, outcome: 'unknown', position: '', answeredAt: at })
    } else if (what === PUBLISHED.relayed) known!.position = last
    else if (what === PUBLISHED.ok)
      Object.assign(known!, { outcome: 'ok', position: last || known!.position, answeredAt: Number(time) })
    else if (what === PUBLISHED.failed && !uncertain.has(known!)) known!.outcome = 'failed'
    else if (what === PUBLISHED.unknown) uncertain.add(known!)
  }
  return published
}

/** Once it was uncertain, a later failure does not tell that it is not there. */
const uncertain = new WeakSet<Publication>()

function readWork(folder: string, lane: LaneName): Map<string, Map<string, Work>> {
  const work = new Map<string, Map<string, Work>>(LANES[lane].groups.map((group) => [group, new Map()]))
  for (const [what, at, id, group, position, attempt, who] of readEvidence(folder, `worked.${lane}`)) {
    const byId = work.get(group!)!
    let one = byId.get(id!)
    if (!one) byId.set(id!, (one = { starts: [], effects: [], thrown: 0, broken: 0 }))
    if (what === WORKED.start)
      one.starts.push({ at: Number(at), position: position!, attempt: Number(attempt), who: who! })
    else if (what === WORKED.effect) one.effects.push({ at: Number(at), position: position!, who: who! })
    else if (what === WORKED.thrown) one.thrown++
    else one.broken++
  }
  return work
}
