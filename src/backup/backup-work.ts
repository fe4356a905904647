import { rm, stat } from 'node:fs/promises'
import { RECORD, type BackupRecord, type BackupSource, type StreamChoice } from '../core/backup.ts'
import { InvalidError } from '../core/errors.ts'
import type { JobRun, JobWork } from '../core/jobs.ts'
import { isReservedName } from '../core/reserved-names.ts'
import { ParamCheck } from './backup-params.ts'
import type { BackupPlace } from './backup-place.ts'
import { readPartial, type Partial } from './backup-reader.ts'
import { BackupWriter } from './backup-writer.ts'

export interface BackupParams extends StreamChoice, Readonly<Record<string, unknown>> {
  /** Of the file, absolute. */
  readonly path: string
  /** A file that is there is replaced, in one step when the new one is complete (false). */
  readonly overwrite?: boolean
}

/** What a backup came to. */
export interface BackupResult extends Readonly<Record<string, unknown>> {
  readonly path: string
  readonly bytes: number
  readonly streams: number
  readonly entries: number
  readonly pending: number
}

interface Counts {
  streams: number
  entries: number
  pending: number
}

/**
 * The job kind `backup`: `path`, and `streams` (names) or `match` (a glob of names), all streams without; and `overwrite`.
 * The file appears when it is complete; until then it lies beside its place as `<path>.<job>.partial`, from which a run goes on
 * that follows one which died. Cancelling deletes that.
 *
 * @param place where `path` may lie: `anywhere()` for a command line, `within(directory)` for names from outside
 */
export const backupWork = (source: BackupSource, place: BackupPlace): JobWork<BackupParams> => ({
  kind: 'backup',
  local: true,
  async check(params) {
    const check = new ParamCheck(params, ['path', 'streams', 'match', 'overwrite'])
    const [streams, match, overwrite] = [check.texts('streams'), check.text('match'), check.flag('overwrite')]
    if (streams && match !== undefined) check.fault('match', 'can not be given beside streams')
    for (const name of (streams ?? []).filter(isReservedName))
      check.fault('streams', `"${name}" belongs to another stream, and comes with that`)
    if (params['path'] === undefined) check.fault('path', 'must name the file of the backup')
    check.done('backup')
    const path = await place.resolve(params['path'] as string)
    if (!overwrite) await refuseExisting(path)
    if (streams) await source.choose({ streams })
    return {
      path,
      ...(streams && { streams }),
      ...(match !== undefined && { match }),
      ...(overwrite && { overwrite }),
    }
  },
  async preview(params) {
    const streams = await source.choose(params)
    return { count: await source.count(streams), unit: 'entries', complete: true, detail: { streams } }
  },
  run: (params, run) => new BackupRun(source, params, run).run(),
})

async function refuseExisting(path: string): Promise<void> {
  if (!(await stat(path).catch(() => undefined))) return
  throw new InvalidError('CONFIGURATION_INVALID', 'the backup would overwrite another file', [
    {
      path: 'path',
      message: `${path} exists already; choose another name, or say that it may be overwritten`,
    },
  ])
}

/** One run: from the beginning, or from where the file ends that a run before has left. */
class BackupRun {
  readonly #source: BackupSource
  readonly #params: BackupParams
  readonly #run: JobRun
  readonly #partial: string
  readonly #counts: Counts = { streams: 0, entries: 0, pending: 0 }
  #total = 0

  constructor(source: BackupSource, params: BackupParams, run: JobRun) {
    this.#source = source
    this.#params = params
    this.#run = run
    this.#partial = `${params.path}.${encodeURIComponent(run.id)}.partial`
  }

  async run(): Promise<BackupResult> {
    const { path, overwrite } = this.#params
    if (!overwrite) await refuseExisting(path)
    const before = await readPartial(this.#partial)
    const streams = before?.header.streams ?? (await this.#source.choose(this.#params))
    this.#total = await this.#source.count(streams)
    const writer = await this.#open(before, streams)
    try {
      for (const [index, stream] of streams.entries()) {
        if (index < (before?.streams.length ?? 0)) continue
        await this.#stream(writer, stream, before?.streams.length === index ? before : undefined)
        if (this.#run.signal.aborted) return await this.#leave(writer)
      }
      const bytes = await writer.finish(path, this.#counts)
      return { path, bytes, ...this.#counts }
    } catch (error) {
      await writer.abandon()
      throw error
    }
  }

  async #open(before: Partial | undefined, streams: readonly string[]): Promise<BackupWriter> {
    if (before) {
      for (const one of before.streams) this.#count(one, 1)
      return BackupWriter.resume(this.#partial, before.tail)
    }
    const header = { id: this.#run.id, createdAt: new Date().toISOString(), streams }
    return BackupWriter.create(this.#partial, header)
  }

  #count({ entries, pending }: { entries: number; pending: number }, streams: number): void {
    this.#counts.entries += entries
    this.#counts.pending += pending
    this.#counts.streams += streams
  }

  async #stream(writer: BackupWriter, stream: string, before: Partial | undefined): Promise<void> {
    const { signal } = this.#run
    const from = before?.current
    const own = { entries: from?.stream.entries ?? 0, pending: from?.stream.pending ?? 0 }
    const hold = `backup:${this.#run.id}`
    for await (const page of this.#source.read(stream, hold, signal, from?.from)) {
      const entries = countOf(page, RECORD.entry)
      own.entries += entries
      own.pending += countOf(page, RECORD.pending)
      await writer.write(page)
      this.#tell(stream, this.#counts.entries + own.entries)
      if (entries > 0) await this.#run.pace(entries)
    }
    if (signal.aborted) return
    const parts = [own.entries, own.pending].map((count) => Buffer.from(String(count)))
    await writer.write([{ kind: RECORD.end, parts }])
    await writer.endFrame()
    this.#count(own, 1)
    this.#tell(stream, this.#counts.entries)
  }

  #tell(note: string, done: number): void {
    this.#run.progress({ done, total: Math.max(this.#total, done), unit: 'entries', note })
  }

  /** What is there stays for a run that goes on, unless nobody will. */
  async #leave(writer: BackupWriter): Promise<BackupResult> {
    await writer.abandon()
    if (this.#run.cancelled.aborted) await rm(this.#partial, { force: true })
    return { path: this.#params.path, bytes: 0, ...this.#counts }
  }
}

const countOf = (page: readonly BackupRecord[], kind: number): number =>
  page.reduce((count, record) => count + Number(record.kind === kind), 0)
