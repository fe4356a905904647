import { join } from 'node:path'
import { positionTime } from '../../../core/position.ts'
import { unlessMissing, type Disk } from './disk.ts'
import type { SegmentName, Span } from './names.ts'
import { scan } from './scan.ts'
import { cut, isAbandoned, listSegments, takeOver } from './takeover.ts'

/** How many identities are remembered, over all segments: about 100 bytes each. */
const MAX_REMEMBERED = 300_000

interface Memory {
  readonly identities: Set<string>
  end: number
}

/** Finds out which events lie in the segments of a folder already, whichever instance wrote them. */
export class Written {
  readonly #disk: Disk
  readonly #folder: string
  /** By token, the one that was used last at the end. */
  readonly #memories = new Map<string, Memory>()
  readonly #closeOwn: (token: string) => Promise<boolean>
  #turn: Promise<unknown> = Promise.resolve()

  /** @param closeOwn closes the segment of this token between two writes, where it is ours; answers whether it is */
  constructor(disk: Disk, folder: string, closeOwn: (token: string) => Promise<boolean>) {
    this.#disk = disk
    this.#folder = folder
    this.#closeOwn = closeOwn
  }

  /** One call after the other, since they read the same. */
  find(identities: readonly string[]): Promise<Set<string>> {
    const found = this.#turn.then(() => this.#find(identities))
    this.#turn = found.catch(() => {})
    return found
  }

  async #find(identities: readonly string[]): Promise<Set<string>> {
    const times = identities.map(positionTime)
    for (;;) {
      const found = new Set<string>()
      let open: SegmentName | undefined
      for (const segment of await this.#settled()) {
        if (segment.span && !times.some((time) => isWithin(segment.span!, time))) continue
        const { identities: there } = await this.#read(segment)
        const here = identities.filter((identity) => there.has(identity))
        if (here.length > 0 && segment.state !== 'closed') open = segment
        for (const identity of here) found.add(identity)
      }
      if (!open) return found
      await this.#close(open)
    }
  }

  /** What its writer has not synced yet may be cut off again: only what counts by the name of its segment is found. */
  async #close(segment: SegmentName): Promise<void> {
    if (!(await this.#closeOwn(segment.token))) await takeOver(this.#disk, this.#folder, segment)
  }

  /** With those closed that nobody writes to any more: what is found in them is theirs for good. */
  async #settled(): Promise<SegmentName[]> {
    const segments = await listSegments(this.#disk, this.#folder)
    let changed = false
    for (const segment of segments) {
      if (!(await isAbandoned(this.#disk, this.#folder, segment))) continue
      await takeOver(this.#disk, this.#folder, segment)
      changed = true
    }
    return changed ? listSegments(this.#disk, this.#folder) : segments
  }

  async #read(segment: SegmentName): Promise<Memory> {
    const { token, isGzip, bytes: to = Infinity } = segment
    const known = this.#memories.get(token)
    // What was read beyond the end that it got does not count.
    const memory = known && known.end <= to ? known : { identities: new Set<string>(), end: 0 }
    this.#memories.delete(token)
    this.#memories.set(token, memory)
    if (memory.end < to) {
      const onIdentities = (identities: readonly string[]) => {
        for (const identity of identities) memory.identities.add(identity)
      }
      memory.end = await this.#scan(segment, { isGzip, from: memory.end, to, onIdentities })
    }
    this.#forget()
    return memory
  }

  /** By whatever name it has by now: its writer may close it meanwhile. */
  async #scan(segment: SegmentName, options: Parameters<typeof scan>[2]): Promise<number> {
    const path = join(this.#folder, segment.file)
    if (segment.state === 'closed') await cut(this.#disk, path, options.to)
    const end = await unlessMissing(scan(this.#disk, path, options))
    if (end !== undefined) return end
    const renamed = (await listSegments(this.#disk, this.#folder)).find(
      ({ token }) => token === segment.token,
    )
    if (!renamed || renamed.file === segment.file) return options.from
    return this.#scan(renamed, { ...options, to: renamed.bytes ?? Infinity })
  }

  #forget(): void {
    let count = 0
    for (const { identities } of this.#memories.values()) count += identities.size
    for (const [token, { identities }] of this.#memories) {
      if (count <= MAX_REMEMBERED || this.#memories.size === 1) return
      this.#memories.delete(token)
      count -= identities.size
    }
  }
}

const isWithin = ({ first, last }: Span, time: number): boolean => first <= time && time <= last
