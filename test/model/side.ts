import type { MillraceError } from '../../src/core/errors.ts'
import { FIRST_POSITION } from '../../src/core/position.ts'
import type { Claim, Consumer, CopyOf, Entry, StreamLog } from '../../src/core/stream-log.ts'

/** What can be done to a log from outside; see OpenLog of the conformance suite. */
export interface Controls {
  deleteStream(stream: string): Promise<unknown>
  deleteGroup(stream: string, group: string): Promise<unknown>
  trim(stream: string, minPosition: string): Promise<unknown>
  pauseGroup(stream: string, group: string): Promise<unknown>
  resumeGroup(stream: string, group: string): Promise<unknown>
  /** Answers its position there. */
  copyToGroup(stream: string, group: string, fields: readonly string[], copyOf: CopyOf): Promise<string>
}

/** A member of a group, and the last claim that it got of each entry, by its label. */
export interface Joined {
  readonly consumer: Consumer
  readonly claims: Map<string, Claim>
}

/** One of the two logs. Positions differ between them, so each entry has a label that both share. */
export class Side {
  readonly name: string
  readonly log: StreamLog
  readonly controls: Controls
  readonly #stream: string
  readonly joined = new Map<string, Joined>()
  readonly #positions = new Map<string, string>()
  readonly #labels = new Map<string, string>()
  /** Up to where the entries of each stream have labels. */
  readonly #labelled = new Map<string, string>()

  constructor(name: string, stream: string, log: StreamLog, controls: Controls) {
    this.name = name
    this.#stream = stream
    this.log = log
    this.controls = controls
  }

  member(name: string): Joined {
    return this.joined.get(name)!
  }

  consumer(name: string): Consumer {
    return this.member(name).consumer
  }

  setLabel(place: string, position: string, label: string): void {
    this.#positions.set(label, position)
    this.#labels.set(`${place} ${position}`, label)
  }

  positions(labels: readonly string[]): string[] {
    return labels.map((label) => this.position(label))
  }

  position(label: string): string {
    return this.#positions.get(label)!
  }

  /** What was never written has no label, and stands out as it is. Of a copy, `place` is its group. */
  label(place: string, position: string): string {
    return this.#labels.get(`${place} ${position}`) ?? position
  }

  /** Of what a member of the group was told. */
  labelFor(group: string, position: string): string {
    return this.label(position.startsWith('inlet/') ? group : this.#stream, position)
  }

  /** Sorted, where their order says nothing. */
  labelsFor(group: string, positions: readonly string[]): string[] {
    return positions.map((position) => this.labelFor(group, position)).sort()
  }

  /** The entries that have no labels yet. */
  async unlabelled(stream: string): Promise<Entry[]> {
    const entries = await this.entries(stream, this.#labelled.get(stream))
    const last = entries.at(-1)
    if (last) this.#labelled.set(stream, last.position)
    return entries
  }

  /** A stream that was deleted begins anew. */
  forgetStream(stream: string): void {
    this.#labelled.delete(stream)
  }

  /** None of a stream that is not there. */
  async entries(stream: string, after = FIRST_POSITION): Promise<Entry[]> {
    return this.log.read(stream, after, 10_000).catch((error: MillraceError) => {
      if (error.code === 'UNKNOWN_STREAM') return []
      throw error
    })
  }
}
