import {
  RECORD,
  restoreConflict,
  type BackupRecord,
  type RestoreTarget,
  type StagedStream,
} from '../core/backup.ts'
import { InvalidError, MillraceError, type Issue } from '../core/errors.ts'
import type { JobRun, JobWork } from '../core/jobs.ts'
import { checkName } from '../core/names.ts'
import { nearestName } from '../core/nearest.ts'
import { isReservedName } from '../core/reserved-names.ts'
import { ParamCheck, type Rename } from './backup-params.ts'
import type { BackupPlace } from './backup-place.ts'
import { checkBackup, readRecords, type Checked } from './backup-reader.ts'
import type { WalkedStream } from './stream-walk.ts'

/** Which streams, and what they will be called. */
export interface Choice {
  /** Names in the backup; all without. */
  readonly streams?: readonly string[]
  readonly rename?: Rename
}

export interface RestoreParams extends Choice, Readonly<Record<string, unknown>> {
  /** Of the file, absolute. */
  readonly path: string
  /** Of the file as it was checked first; another one is refused. */
  readonly digest: string
}

/** What a restore came to. */
export interface RestoreResult extends Readonly<Record<string, unknown>> {
  readonly streams: number
  readonly entries: number
  readonly pending: number
  /** Pending entries that were gone from their stream when it was backed up: no group has them any more. */
  readonly gone: number
}

/** A stream of the file, and what it will be called. */
export interface Wanted {
  readonly stream: WalkedStream
  readonly target: string
}

/**
 * The job kind `restore`: `path`, and perhaps `streams` (names in the backup) and `rename` (a prefix, or new names by old
 * ones). The whole file is checked, and whether anything is in the way, before anything is written. Each stream is built
 * unseen and appears whole; a run that follows one which died goes on where that was. Those that appeared stay when it fails
 * or is cancelled; nothing else does.
 */
export const restoreWork = (target: RestoreTarget, place: BackupPlace): JobWork<RestoreParams> => ({
  kind: 'restore',
  local: true,
  async check(params) {
    const check = new ParamCheck(params, ['path', 'streams', 'rename'])
    const [streams, rename] = [check.texts('streams'), check.rename('rename')]
    if (params['path'] === undefined) check.fault('path', 'must name the file of the backup')
    check.done('restore')
    const path = await place.resolve(params['path'] as string)
    const contents = await checkBackup(path)
    const given = { path, ...(streams && { streams }), ...(rename !== undefined && { rename }) }
    const checked = { ...given, digest: contents.digest }
    await refuseExisting(target, wantedOf(contents, checked), '')
    return checked
  },
  async preview(params) {
    const streams = wantedOf(await checkBackup(params.path), params)
    const detail = streams.map(({ stream: { name, entries, pending }, target: as }) => ({
      name,
      as,
      entries,
      pending,
    }))
    const count = detail.reduce((sum, { entries }) => sum + entries, 0)
    return { count, unit: 'entries', complete: true, detail: { streams: detail } }
  },
  run: (params, run) => new RestoreRun(target, params, run).run(),
})

/**
 * Which streams of a backup are brought back, and what they will be called.
 *
 * @throws InvalidError that lists every name that can't be
 */
export function wantedOf({ streams }: Checked, { streams: chosen, rename }: Choice): Wanted[] {
  const issues: Issue[] = []
  const known = new Set(streams.map(({ name }) => name))
  for (const name of [...(chosen ?? []), ...(typeof rename === 'object' ? Object.keys(rename) : [])])
    if (!known.has(name)) issues.push({ path: 'streams', message: notThere(name, known) })
  const wanted = streams
    .filter(({ name }) => !chosen || chosen.includes(name))
    .map((stream) => ({ stream, target: renamed(stream.name, rename) }))
  const names = new Set<string>()
  for (const { target } of wanted) {
    if (names.has(target))
      issues.push({ path: 'rename', message: `"${target}" would be the name of two streams` })
    if (isReservedName(target))
      issues.push({ path: 'rename', message: `"${target}" is a name that Millrace keeps` })
    names.add(target)
    checkName('stream name', target)
  }
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'such a restore can not be', issues)
  return wanted
}

function notThere(name: string, known: ReadonlySet<string>): string {
  const nearest = nearestName(name, known)
  return `"${name}" is not in the backup${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`
}

function renamed(name: string, rename: Rename | undefined): string {
  if (typeof rename === 'string') return rename + name
  return rename && Object.hasOwn(rename, name) ? rename[name]! : name
}

async function refuseExisting(target: RestoreTarget, wanted: readonly Wanted[], run: string): Promise<void> {
  const keys = wanted.map(({ stream, target: name }) => ({ stream: name, suffixes: stream.suffixes }))
  const found = await target.existing(keys, run)
  if (found.length > 0) throw restoreConflict(found)
}

/** What is built expires unless it is renewed, which a pause to keep a low rate must not prevent. */
const LONGEST_PAUSE_S = 10

class RestoreRun {
  readonly #target: RestoreTarget
  readonly #params: RestoreParams
  readonly #run: JobRun
  readonly #result = { streams: 0, entries: 0, pending: 0, gone: 0 }
  #staged: StagedStream | undefined
  #done = 0
  #total = 0

  constructor(target: RestoreTarget, params: RestoreParams, run: JobRun) {
    this.#target = target
    this.#params = params
    this.#run = run
  }

  async run(): Promise<RestoreResult> {
    const { signal, cancelled, resumeFrom, id } = this.#run
    const contents = await checkBackup(this.#params.path, signal)
    if (contents.digest !== this.#params.digest)
      throw new MillraceError(
        'BACKUP_INVALID',
        `${this.#params.path} is not the file any more that was checked when this began`,
      )
    const all = wantedOf(contents, this.#params)
    this.#total = all.reduce((sum, { stream }) => sum + stream.entries, 0)
    Object.assign(this.#result, resumeFrom?.['result'])
    const left = all.slice(this.#result.streams)
    this.#done = this.#result.entries
    await refuseExisting(this.#target, left, id)
    try {
      await this.#restore(new Map(left.map((wanted) => [wanted.stream.name, wanted])))
    } catch (error) {
      if (!isAway(error)) await this.#staged?.discard().catch(() => {})
      throw error
    }
    if (cancelled.aborted) await this.#staged?.discard()
    return this.#result
  }

  async #restore(left: ReadonlyMap<string, Wanted>): Promise<void> {
    for await (const page of readRecords(this.#params.path)) {
      for (const records of divided(page, this.#run.ratePerSecond * LONGEST_PAUSE_S)) {
        if (this.#run.signal.aborted) return
        await this.#take(records, left)
      }
    }
  }

  /** @param records of one stream: its first one, or some that follow */
  async #take(records: readonly BackupRecord[], left: ReadonlyMap<string, Wanted>): Promise<void> {
    const [first] = records
    if (first!.kind === RECORD.stream) await this.#begin(left.get(first!.parts[0]!.toString()))
    if (!this.#staged) return
    await this.#staged.take(records)
    const entries = records.filter(({ kind }) => kind === RECORD.entry).length
    this.#done += entries
    this.#run.progress({ done: this.#done, total: this.#total, unit: 'entries' })
    if (entries > 0) await this.#run.pace(entries)
    if (records.at(-1)!.kind === RECORD.end) await this.#appear()
  }

  async #begin(wanted: Wanted | undefined): Promise<void> {
    this.#staged = undefined
    if (!wanted) return
    const { stream, target } = wanted
    this.#staged = await this.#target.stage({ stream: target, suffixes: stream.suffixes }, this.#run.id)
  }

  /** That it appeared is known to the server until it is written down here. */
  async #appear(): Promise<void> {
    const staged = this.#staged!
    const { entries, pending, gone } = await staged.appear()
    this.#staged = undefined
    this.#result.streams++
    this.#result.entries += entries
    this.#result.pending += pending
    this.#result.gone += gone
    await this.#run.checkpoint({ result: { ...this.#result } })
    await staged.settle()
  }
}

/** What was built is of use when the server is back soon, and expires where it is not. */
const isAway = (error: unknown): boolean =>
  error instanceof MillraceError && (error.code === 'REDIS_UNAVAILABLE' || error.code === 'REDIS_UNCERTAIN')

/** Divides a page where one stream ends and the next one begins, and where it has more than so many records. */
function* divided(page: readonly BackupRecord[], most: number): Generator<readonly BackupRecord[]> {
  let from = 0
  for (const [index, { kind }] of page.entries()) {
    if (kind !== RECORD.end && index + 1 - from < most) continue
    yield page.slice(from, index + 1)
    from = index + 1
  }
  if (from < page.length) yield page.slice(from)
}
