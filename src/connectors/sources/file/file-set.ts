import type { Log } from '../../../core/service.ts'
import { START, type FileCursor, type Place } from './cursor.ts'
import { FollowedFile, openToRead, type FileReading } from './followed-file.ts'
import { inodeOf, type Listing, type Sighting } from './listing.ts'
import { goesOn, HEAD_BYTES, isCopy, UNREAD } from './prints.ts'

/** A copy that is so old, in ms, and still shorter than what is compared, is none. */
const COPYING_MS = 2_000

/** The files that a path stands for, through renames, copies and cuts, in the order in which they are read. */
export class FileSet {
  readonly #listing: Listing
  readonly #reading: FileReading
  readonly #log: Log
  #files: FollowedFile[]
  #begun: number
  #since: number
  #mustLook = true
  /** There is a file of which is not known yet what it will be. */
  #isUndecided = false

  constructor(cursor: FileCursor, listing: Listing, reading: FileReading, log: Log) {
    this.#listing = listing
    this.#reading = reading
    this.#log = log
    this.#files = cursor.places.map((place) => new FollowedFile(place, reading))
    this.#begun = cursor.begun
    this.#since = cursor.since
  }

  /** Oldest first; a rotated one before the one that has its place now. */
  get files(): readonly FollowedFile[] {
    return this.#files
  }

  get cursor(): FileCursor {
    for (const { modifiedMs } of this.#files) this.#since = Math.max(this.#since, modifiedMs)
    return { begun: this.#begun, since: this.#since, places: this.#files.map(({ place }) => place) }
  }

  /** Something is not as it was: the directory is looked at before anything else is read. */
  lookAgain(): void {
    this.#mustLook = true
  }

  get mustLook(): boolean {
    return this.#mustLook
  }

  get isUndecided(): boolean {
    return this.#isUndecided
  }

  /**
   * Finds out what has become of the files, and which are new.
   *
   * @returns whether there are new ones: the cursor has to be kept before they are read, so that their tokens stay theirs
   */
  async survey(): Promise<boolean> {
    if (!this.#mustLook && !this.#isUndecided && !(await this.#isChanged())) return false
    this.#mustLook = this.#isUndecided = false
    const sightings = await this.#listing.look()
    const taken = new Set<string>()
    const lost = await this.#findAgain(sightings, taken)
    await this.#findElsewhere(lost, sightings, taken)
    return this.#begin(sightings, taken)
  }

  async drop(file: FollowedFile): Promise<void> {
    this.#files = this.#files.filter((one) => one !== file)
    await file.close()
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()))
  }

  /** For a path without a glob one look tells it. */
  async #isChanged(): Promise<boolean> {
    const one = await this.#listing.lookAtOne()
    return !one || !this.#files.some(({ place, path }) => place.file === one.file && path === one.path)
  }

  /** By device and inode. @returns those that are not there, or do not hold any more what was read */
  async #findAgain(sightings: readonly Sighting[], taken: Set<string>): Promise<FollowedFile[]> {
    const lost: FollowedFile[] = []
    for (const file of this.#files) {
      const seen = sightings.find((one) => one.file === file.place.file && !taken.has(one.file))
      if (seen) await file.seenAt(seen)
      if (seen && (await isIntact(file))) taken.add(seen.file)
      else lost.push(file)
    }
    return lost
  }

  /** By content: a file that was copied and cut goes on in its copy. */
  async #findElsewhere(
    lost: readonly FollowedFile[],
    sightings: readonly Sighting[],
    taken: Set<string>,
  ): Promise<void> {
    for (const file of lost) {
      const { place } = file
      const heir = await first(
        sightings.filter((one) => !taken.has(one.file) && mayGoOn(place, one, this.#since)),
        (one) => holds(one, (handle) => goesOn(handle, place)),
      )
      if (heir) {
        await file.seenAt(heir)
        taken.add(heir.file)
      } else if (!(await file.isLeftOpen())) await this.#giveUp(file)
    }
  }

  async #giveUp(file: FollowedFile): Promise<void> {
    const { path, place, isReadToEnd } = file
    await this.drop(file)
    const fields = { path, file: place.file, offset: place.offset }
    const happened = `${path || 'A file'} was cut, written anew or removed`
    if (isReadToEnd) this.#log.debug(fields, `${happened}, when all of it had been read`)
    else this.#log.warn(fields, `${happened}; what it held behind byte ${place.offset} is not read`)
  }

  async #begin(sightings: readonly Sighting[], taken: Set<string>): Promise<boolean> {
    const isFirst = this.#begun === START.begun
    const isNew = ({ kind, modifiedMs, file }: Sighting) =>
      !taken.has(file) && (kind === 'wanted' || (kind === 'rotated' && !isFirst && modifiedMs >= this.#since))
    const before = this.#begun
    for (const one of sightings.filter(isNew).toSorted(byAge)) {
      if (taken.has(one.file)) continue
      taken.add(one.file)
      if (one.kind === 'rotated' && this.#mayBecomeCopy(one)) {
        this.#isUndecided = true
        continue
      }
      if (one.kind === 'rotated' && (await this.#hasCopyAt(one))) continue
      const token = `${one.file}:${this.#begun++}`
      const file = new FollowedFile({ ...UNREAD, line: 1, file: one.file, token }, this.#reading)
      await file.seenAt(one)
      this.#files.push(file)
    }
    // What was rotated comes before what has its place, even where that was known first and not read yet.
    this.#files = [
      ...this.#files.filter((one) => !one.isWanted),
      ...this.#files.filter((one) => one.isWanted),
    ]
    return this.#begun > before
  }

  /** Somebody may be copying a file right now: there is too little of it to tell. */
  #mayBecomeCopy({ size, modifiedMs }: Sighting): boolean {
    if (Date.now() - modifiedMs > COPYING_MS) return false
    return this.#files.some(({ place }) => place.headBytes > size)
  }

  /** Somebody made one, perhaps to cut the original next. */
  async #hasCopyAt(one: Sighting): Promise<boolean> {
    const known = this.#files.map(({ place }) => place).filter(({ offset }) => offset > 0)
    return (await first(known, (place) => holds(one, (handle) => isCopy(handle, place)))) !== undefined
  }
}

/** One that got another name while we looked is there the next time. */
const isIntact = (file: FollowedFile): Promise<boolean> =>
  file.isIntact().catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return true
    throw error
  })

/**
 * What takes the place of a file begins anew by custom, even where its first lines are the same; unless it must be the file
 * itself: so much of it is the same, as of one that was moved to another disk or restored.
 */
const mayGoOn = (place: Place, seen: Sighting, since: number): boolean =>
  place.offset > 0 &&
  (seen.kind !== 'wanted' || place.headBytes === HEAD_BYTES || isOnRenumberedDisk(place, seen, since))

/** A disk may have another number on this host, or since that was started. What was made later is another file. */
const isOnRenumberedDisk = (place: Place, { file, bornMs }: Sighting, since: number): boolean =>
  file !== place.file && inodeOf(file) === inodeOf(place.file) && bornMs > 0 && bornMs <= since

/** A file that has no place any more was there before the one that has it; otherwise by name. */
const byAge = (a: Sighting, b: Sighting): number => {
  if (a.kind !== b.kind) return a.kind === 'rotated' ? -1 : 1
  const older = a.kind === 'rotated' ? a.modifiedMs - b.modifiedMs : 0
  return older || (a.path < b.path ? -1 : 1)
}

async function holds(
  { path }: Sighting,
  check: (handle: Awaited<ReturnType<typeof openToRead>>) => Promise<boolean>,
): Promise<boolean> {
  // It may be gone by now, or not for us to read: then it is none of ours.
  const handle = await openToRead(path).catch(() => undefined)
  if (!handle) return false
  try {
    return await check(handle)
  } finally {
    await handle.close()
  }
}

async function first<T>(all: readonly T[], fits: (one: T) => Promise<boolean>): Promise<T | undefined> {
  for (const one of all) if (await fits(one)) return one
  return undefined
}
