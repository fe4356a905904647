import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigurationError } from '../../core/connector-errors.ts'
import { InvalidError, toError } from '../../core/errors.ts'
import { pause } from '../../core/pause.ts'
import type { Log } from '../../core/service.ts'
import type { Source, SourceBatch, SourceContext, SourceItem } from '../../core/source.ts'
import { decodeCursor, encodeCursor } from './file/cursor.ts'
import { FileSet } from './file/file-set.ts'
import type { FollowedFile } from './file/followed-file.ts'
import { csvFormat, JSON_LINES, type Format } from './file/formats.ts'
import { cloudEvent, eventFrom, itemOf, type ToEvent } from './file/items.ts'
import { Listing } from './file/listing.ts'
import { DEFAULTS, issuesOf, type FileSourceOptions } from './file/options.ts'

export type { CsvOptions } from './file/csv.ts'
export type { FileSourceOptions } from './file/options.ts'

/** Of the lines of a batch, in bytes, more or less. */
const BATCH_BYTES = 1_048_576
/** How many batches a file may bring before the others have their turn. */
const TURN = 10

/**
 * Reads JSON lines, CSV, or CloudEvents as the file sink writes them. With `follow` it goes on like `tail -F`: through
 * rotation (by a new name, or by a copy and a cut), with files that appear later, and a last line only when it has its end.
 *
 * - Where it is, is kept with the pipeline: after a crash it goes on there, and what was published already is known by
 *   the id of its line (device and inode of the file, and the byte).
 * - A file that was rotated is read to its end before the new one, also where that happened while nobody read.
 * - A line that can't be read (no JSON, another number of fields, no UTF-8, too long) becomes a dead letter that names
 *   the file and the line.
 * - Files that are packed are not read. It is for tens of files, not for thousands.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake in the options; when it is read, `ConfigurationError` where
 *   there is no such file and it does not follow, where it is a directory, where the cursor is that of another source, or
 *   where the first line of a CSV names no fields
 *
 * @example
 * pipeline('readings', {
 *   from: fileSource({ path: './in/*.csv', format: 'csv', follow: true, eventType: 'reading.taken', key: 'device' }),
 *   to: 'telemetry:events',
 * })
 */
export function fileSource(options: FileSourceOptions): Source {
  const issues = issuesOf(options)
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', "the file source can't work like this", issues)
  return new FileSource(options)
}

class FileSource implements Source {
  readonly #options: FileSourceOptions & typeof DEFAULTS
  readonly #format: Format
  readonly #toEvent: ToEvent

  constructor(options: FileSourceOptions) {
    this.#options = { ...DEFAULTS, ...options }
    this.#format = options.format === 'csv' ? csvFormat(options.csv ?? {}) : JSON_LINES
    this.#toEvent = options.format === 'cloudevents' ? cloudEvent : eventFrom(options)
  }

  async *read({ cursor, log, signal }: SourceContext): AsyncGenerator<SourceBatch> {
    const { path, follow, maxLineBytes, pollMs } = this.#options
    const reading = { format: this.#format, maxBytes: maxLineBytes }
    const files = new FileSet(decodeCursor(cursor), new Listing(path), reading, log)
    let isRead = false
    try {
      while (!signal.aborted) {
        if (await files.survey()) yield { items: [], cursor: encodeCursor(files.cursor) }
        if (files.files.length === 0) await this.#missing(log, isRead)
        const round = this.#round(files)
        let isIdle = true
        for await (const batch of round) {
          isIdle = false
          yield batch
          if (signal.aborted) return
        }
        if (!isIdle) continue
        // Whoever watches the pipeline has to know that it works, also where nothing is new.
        if (!isRead) yield { items: [], cursor: encodeCursor(files.cursor) }
        isRead = true
        if (!follow && !files.mustLook && !files.isUndecided) return
        await pause(pollMs, signal)
      }
    } finally {
      await files.close()
    }
  }

  /** @throws ConfigurationError where nobody waits for a file, or where it would be in vain */
  async #missing(log: Log, isKnown: boolean): Promise<void> {
    const { path, follow } = this.#options
    const found = await stat(path).catch(() => undefined)
    if (found?.isDirectory())
      throw new ConfigurationError(
        `${path} is a directory: name the files in it, such as ${join(path, '*.log')}`,
      )
    if (!follow) throw new ConfigurationError(`there is no file ${path}; set follow to wait for one`)
    if (!isKnown) log.info({ path }, `There is no file ${path} yet; it is waited for`)
  }

  /** A turn of each file. One that can't be read keeps no other from being read. */
  async *#round(files: FileSet): AsyncGenerator<SourceBatch> {
    let failure: Error | undefined
    for (const file of files.files) {
      try {
        yield* this.#turn(file, files)
      } catch (thrown) {
        const error = toError(thrown) as NodeJS.ErrnoException
        // It has got another name since we looked.
        if (error.code === 'ENOENT') files.lookAgain()
        else failure ??= error
      }
      if (files.mustLook) break
    }
    if (failure) throw failure
  }

  /** One that was rotated has as many turns as it needs, since the new one comes after it. */
  async *#turn(file: FollowedFile, files: FileSet): AsyncGenerator<SourceBatch> {
    for (let turn = 0; turn < TURN || !file.isWanted; turn++) {
      const hasMore = await file.hasMore()
      if (hasMore && !(await file.isIntact())) return files.lookAgain()
      const items = hasMore ? await this.#items(file) : undefined
      if (!items) return this.#rest(file, files, hasMore)
      yield { items, cursor: encodeCursor(files.cursor) }
    }
  }

  async #rest(file: FollowedFile, files: FileSet, hasMore: boolean): Promise<void> {
    // What has no name any more, and no more lines, is done with.
    if (!hasMore && file.isFinished && file.isNameless) await files.drop(file)
    else await file.rest()
  }

  /** Undefined where no line is whole. Blank lines bring nothing, and are behind us all the same. */
  async #items(file: FollowedFile): Promise<SourceItem[] | undefined> {
    const { batchSize, follow } = this.#options
    const isFinal = !follow || file.isFinished
    const records = await file.read({ records: batchSize, bytes: BATCH_BYTES }, isFinal)
    if (records.length === 0) return undefined
    const { path, place } = file
    return records
      .map(({ record, decoded }) => itemOf(place.token, path, record, decoded, this.#toEvent))
      .filter((item) => item !== undefined)
  }
}
