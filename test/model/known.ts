/** Groups by the first letter of a slot: `x` is exclusive. */
export const SLOTS = ['a1', 'a2', 'a3', 'b1', 'b2', 'x1', 'x2'] as const
export type Slot = (typeof SLOTS)[number]
export const GROUPS = ['a', 'b', 'x'] as const
export type Group = (typeof GROUPS)[number]

export const groupOf = (slot: Slot): Group => slot[0] as Group
export const isExclusive = (group: Group): boolean => group === 'x'

/** A consumer that joined. Each one has a name of its own, as the contract asks. */
export interface Member {
  readonly name: string
  readonly slot: Slot
  readonly group: Group
  /** Labels and attempts of what it was handed and did not settle, though others may have it by now. */
  readonly held: Map<string, number>
  /** No heartbeat since an hour passed. */
  silent: boolean
}

/** Chooses among what there is when a step runs: something that the member was handed, or anything at all. */
export interface Pick {
  readonly from: 'held' | 'any'
  readonly number: number
}

/** What the steps know without asking, by which they choose. */
export class Known {
  /** Who is at work; a slot is free again when its member left, or died. */
  readonly members = new Map<Slot, Member>()
  /** Members of before, who still may call. */
  readonly former: Member[] = []
  /** Groups that anybody ever joined. */
  readonly groups = new Set<Group>()
  /** Labels of what was written to the stream, and of copies to the group. */
  readonly entries: string[] = []
  readonly copies = new Map<Group, string[]>(GROUPS.map((group) => [group, []]))
  /** Whether anything was ever trimmed, which may leave tombstones. */
  trimmed = false
  /**
   * Of the stream, which comes with the first entry or group. Healing a group brings it back, too, and whether a claim
   * that had other things to hand out did so yet is free.
   */
  existence: 'there' | 'deleted' | 'free' = 'there'
  #joined = 0

  wrote(labels: readonly string[]): void {
    this.entries.push(...labels)
    if (labels.length > 0) this.existence = 'there'
  }

  claimed(count: number): void {
    if (this.existence === 'deleted' && count > 0) this.existence = 'free'
  }

  add(slot: Slot): Member {
    this.existence = 'there'
    const group = groupOf(slot)
    const member = {
      name: `${slot}-${++this.#joined}`,
      slot,
      group,
      held: new Map<string, number>(),
      silent: false,
    }
    this.members.set(slot, member)
    this.groups.add(group)
    return member
  }

  hourPassed(): void {
    for (const member of [...this.members.values(), ...this.former]) member.silent = true
  }

  remove(member: Member): void {
    this.former.push(member)
    this.members.delete(member.slot)
  }

  /** Everything that a member of the group may have been handed. */
  labelsOf(group: Group): string[] {
    return [...this.entries, ...this.copies.get(group)!]
  }

  pick({ held, group }: Member, { from, number }: Pick): string | undefined {
    const labels = from === 'held' ? [...held.keys()] : this.labelsOf(group)
    return labels[number % labels.length]
  }

  pickAll(member: Member, picks: readonly Pick[]): string[] {
    const labels = picks.map((pick) => this.pick(member, pick))
    return [...new Set(labels.filter((label) => label !== undefined))]
  }
}
