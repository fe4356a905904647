import { readEvidence } from '../evidence.ts'
import type { FaultNote, RolledBack } from '../faults/fault.ts'
import type { LaneName } from '../load.ts'
import type { GroupState, Marked, StreamState, Target } from '../destroy.ts'
import { isBefore, timeOf } from './positions.ts'

/** A fault as it happened. */
export interface PastFault {
  readonly n: number
  readonly kind: string
  readonly begin: number
  readonly end: number
  readonly note: FaultNote
}

/** What befell a run, and what of its losses that explains. */
export class History {
  readonly faults: readonly PastFault[]

  constructor(folder: string) {
    const begins = new Map<string, number>()
    const faults: PastFault[] = []
    for (const [what, at, n, kind, note] of readEvidence(folder, 'faults')) {
      if (what === 'begin') begins.set(n!, Number(at))
      else
        faults.push({
          n: Number(n),
          kind: kind!,
          begin: begins.get(n!)!,
          end: Number(at),
          note: JSON.parse(note!) as FaultNote,
        })
    }
    this.faults = faults.sort((a, b) => a.begin - b.begin)
  }

  /** Faults of which some part lies between these times. */
  during(from: number, to: number): PastFault[] {
    return this.faults.filter(({ begin, end }) => begin <= to && end >= from)
  }

  /** The streams that faults took something from, with how they stood. */
  destructions(lane: LaneName): { fault: PastFault; target: Target; state: StreamState }[] {
    return this.faults.flatMap((fault) => {
      const { destroyed } = fault.note
      const state = destroyed?.streams[lane]
      return destroyed && state ? [{ fault, target: destroyed.target, state }] : []
    })
  }

  /**
   * What of a stream went with a fault before a group had acknowledged it: `<position> <event id>` and the event id
   * alone → the fault. Nothing that came later, and nothing that had been acknowledged.
   */
  lossesOf(lane: LaneName, group: string): Map<string, PastFault> {
    const losses = new Map<string, PastFault>()
    for (const { fault, target, state } of this.destructions(lane)) {
      for (const mark of takenFrom(target, state, group)) {
        losses.set(mark, fault)
        losses.set(mark.slice(mark.indexOf(' ') + 1), fault)
      }
    }
    return losses
  }

  /** The fault that took an entry which stood in the last second or two before the server was killed. */
  rolledBack(stream: string, position: string): PastFault | undefined {
    const at = timeOf(position)
    return this.faults.find(({ note: { rolledBack } }) => {
      if (!rolledBack || at < rolledBack.fromMs || at > rolledBack.toMs) return false
      return !survivorsOf(rolledBack, stream).has(position)
    })
  }

  /** How a group stood when it was destroyed, each time. */
  groupDeletions(lane: LaneName, group: string): { fault: PastFault; state: GroupState }[] {
    return this.destructions(lane).flatMap(({ fault, target, state }) =>
      target.what === 'group' && target.group === group && state.groups[group]
        ? [{ fault, state: state.groups[group] }]
        : [],
    )
  }

  /** Whether a group was destroyed when it had delivered this, and not yet recorded that all up to it was done. */
  wasForgotten(lane: LaneName, group: string, position: string): boolean {
    return this.groupDeletions(lane, group).some(
      ({ state: { low, delivered } }) =>
        delivered !== '' && !isBefore(delivered, position) && (low === '' || isBefore(low, position)),
    )
  }

  /** How often a server lost what it had heard last, between two moments. */
  rollbacks(from: number, to: number): number {
    return this.faults.filter(
      ({ note: { rolledBack } }) => rolledBack && rolledBack.fromMs <= to && rolledBack.toMs >= from,
    ).length
  }

  /** Whether idempotency keys were lost between two moments. */
  forgotKeys(from: number, to: number): boolean {
    return this.faults.some(
      ({ begin, end, note }) =>
        (note.rolledBack !== undefined || note.destroyed?.target.what === 'all') &&
        begin <= to &&
        end >= from,
    )
  }

  /** In short, for whoever reads a violation. */
  around(at: number, slackMs: number): string[] {
    return this.during(at - slackMs, at + slackMs).map(
      ({ n, kind, begin, end, note: { victim = '', detail = '' } }) =>
        `${n} ${kind} ${victim}${detail} from ${begin - at} ms to ${end - at} ms`,
    )
  }
}

/** What a group lost by it; of what was deleted while it was pending there is to be a tombstone, so that is no loss. */
function takenFrom({ what }: Target, { groups, trimmed }: StreamState, group: string): readonly Marked[] {
  const { pending = [], unread = [] } = groups[group] ?? {}
  if (what === 'group') return []
  if (what !== 'pending') return [...pending, ...unread]
  const deleted = new Set(trimmed)
  return unread.filter((mark) => deleted.has(mark))
}

const survivorSets = new WeakMap<RolledBack, Map<string, Set<string>>>()

function survivorsOf(rolledBack: RolledBack, stream: string): Set<string> {
  let sets = survivorSets.get(rolledBack)
  if (!sets) survivorSets.set(rolledBack, (sets = new Map()))
  let set = sets.get(stream)
  if (!set) sets.set(stream, (set = new Set(rolledBack.survivors[stream])))
  return set
}
