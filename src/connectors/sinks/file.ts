import { ConfigurationError, MessageProcessingError } from '../../core/connector-errors.ts'
import type { BatchFaults } from '../../core/delivery.ts'
import { collectIssues, InvalidError, toError, type Issue } from '../../core/errors.ts'
import { requireCounts } from '../../core/require-counts.ts'
import type { Sink, SinkEvent } from '../../core/sink.ts'
import { toCloudEventJson } from '../cloud-event.ts'
import { disk as realDisk, diskCode, type Disk } from './file/disk.ts'
import { EventFiles } from './file/event-files.ts'
import { asSinkError } from './file/faults.ts'
import { Home } from './file/home.ts'
import type { Document, Keeper } from './file/keeper.ts'
import { SegmentFiles } from './file/segment-files.ts'

export interface FileSinkOptions {
  /** It is made where it is missing. Several instances, and pipelines of other streams, may share one. */
  directory: string
  /** A file per event (`json`, the default), or lines in segments (`jsonl`). */
  format?: 'json' | 'jsonl'
  /** Of segments: whether they are packed, as files that any gunzip reads (false). */
  gzip?: boolean
  /** Of segments: how large one gets before the next one begins, in bytes (64 MiB). */
  maxSegmentBytes?: number
  /** Of segments: how old one gets, in ms (one hour). */
  maxSegmentAgeMs?: number
  /** An event that is larger than this, in bytes of JSON, becomes a dead letter (no limit). */
  maxEventBytes?: number
  /** Batches that are written at once (4 for segments, so that one is encoded while another one is synced; else 2). */
  concurrency?: number
}

const MAX_SEGMENT_BYTES = 64 * 2 ** 20
const MAX_SEGMENT_AGE_MS = 3_600_000
const CONCURRENCY = { json: 2, jsonl: 4 }
const COUNTS = ['maxSegmentBytes', 'maxSegmentAgeMs', 'maxEventBytes', 'concurrency'] as const
const SEGMENT_OPTIONS = ['gzip', 'maxSegmentBytes', 'maxSegmentAgeMs'] as const

/**
 * Writes events as CloudEvents in JSON to a directory. An event counts as written when it would survive a loss of power:
 * the file and the folder that it lies in are synced.
 *
 * - `json`: `<stream>/<day>/<hour>-<minute>/<position>-<part>-<fingerprint>.json`. A repeat overwrites itself.
 * - `jsonl`: `<stream>/<first>-<last>-<bytes>-<token>.jsonl`. A line begins with `millraceentry`, which says which event it is;
 *   what is redelivered is looked for in the segments of all instances first. What a crash tore is cut off.
 * - Names of streams are percent-encoded, and links are not followed: nothing is written outside of the directory.
 *
 * A disk that is full, can't be written to or is gone: everything stays pending until it is mended.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake in it
 *
 * @example
 * pipeline('archive', {
 *   from: 'orders',
 *   to: fileSink({ directory: './archive', format: 'jsonl', gzip: true }),
 *   batch: { size: 500, waitMs: 100 },
 * })
 */
export const fileSink = (options: FileSinkOptions): Sink => new FileSink(options, realDisk)

export class FileSink implements Sink {
  readonly concurrency: number
  readonly wantsJson = true
  readonly #directory: string
  readonly #maxEventBytes: number
  readonly #home: Home
  readonly #keeper: Keeper

  /** @param disk the real one, or one that fails where a test wants it to */
  constructor(options: FileSinkOptions, disk: Disk) {
    check(options)
    const { directory, format = 'json', concurrency, maxEventBytes } = options
    this.concurrency = concurrency ?? CONCURRENCY[format]
    this.#directory = directory
    this.#maxEventBytes = maxEventBytes ?? Infinity
    this.#home = new Home(disk, directory)
    this.#keeper = format === 'json' ? new EventFiles(this.#home) : segmentFiles(this.#home, options)
  }

  async connect(): Promise<void> {
    try {
      await this.#home.open()
      await this.#keeper.open()
    } catch (error) {
      if (diskCode(error) === 'EEXIST')
        throw new ConfigurationError(`${this.#directory} is a file; name a directory`, [], { cause: error })
      throw asSinkError(error, this.#directory)
    }
  }

  async write(events: readonly SinkEvent[], signal: AbortSignal): Promise<BatchFaults> {
    const faults: (Error | undefined)[] = []
    const documents: Document[] = []
    for (const [index, event] of events.entries()) {
      try {
        documents.push({ event, json: this.#json(event) })
      } catch (error) {
        faults[index] = toError(error)
      }
    }
    try {
      if (documents.length > 0) await this.#keeper.keep(documents, signal)
    } catch (error) {
      throw asSinkError(error, this.#directory)
    }
    return faults
  }

  async close(): Promise<void> {
    try {
      await this.#keeper.close()
    } catch (error) {
      throw asSinkError(error, this.#directory)
    }
  }

  #json(event: SinkEvent): string {
    const json = toCloudEventJson(event)
    const max = this.#maxEventBytes
    // A character takes three bytes at most, and few events are anywhere near.
    if (json.length * 3 <= max || Buffer.byteLength(json) <= max) return json
    const message = `the event has ${Buffer.byteLength(json)} bytes as JSON; at most ${max} are allowed`
    throw new MessageProcessingError('EVENT_TOO_LARGE', message)
  }
}

const segmentFiles = (home: Home, { gzip, maxSegmentBytes, maxSegmentAgeMs }: FileSinkOptions): Keeper =>
  new SegmentFiles(home, {
    isGzip: gzip ?? false,
    maxBytes: maxSegmentBytes ?? MAX_SEGMENT_BYTES,
    maxAgeMs: maxSegmentAgeMs ?? MAX_SEGMENT_AGE_MS,
  })

function check(options: FileSinkOptions): void {
  const { directory, format = 'json', gzip } = options
  const issues: Issue[] = []
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0'))
    issues.push({ path: 'directory', message: 'must be the path of a directory, such as "./archive"' })
  if (format !== 'json' && format !== 'jsonl')
    issues.push({ path: 'format', message: `must be json or jsonl, not ${JSON.stringify(format)}` })
  if (gzip !== undefined && typeof gzip !== 'boolean')
    issues.push({ path: 'gzip', message: `must be true or false, not ${JSON.stringify(gzip)}` })
  const given = COUNTS.filter((name) => options[name] !== undefined)
  collectIssues(issues, () =>
    requireCounts('counts', options as Record<(typeof COUNTS)[number], number>, given),
  )
  if (format === 'json')
    for (const path of SEGMENT_OPTIONS)
      if (options[path]) issues.push({ path, message: 'is for segments: set format to jsonl as well' })
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', "the file sink can't work like this", issues)
}
