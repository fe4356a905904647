import { randomUUID } from 'node:crypto'
import type { Handler } from '../../src/core/delivery.ts'
import { FIRST_POSITION } from '../../src/core/position.ts'
import type { StreamLog } from '../../src/core/stream-log.ts'
import { Worker } from '../../src/worker/worker.ts'
import type { WorkerOptions } from '../../src/worker/worker-options.ts'

export const GROUP = 'group'
/** Short, so that tests need not wait for long, and long enough for a heartbeat every third of it on a busy machine. */
export const DEAD_AFTER_MS = 600

/** The stream in which workers in processes of their own leave their effects. */
export const effectsOf = (stream: string): string => `{${stream}}:effects`

export type LabOptions = Partial<WorkerOptions>

/** A stream of its own on a log, with the workers that a test starts on it. */
export class Lab {
  readonly log: StreamLog
  readonly stream: string
  readonly workers: Worker[] = []
  readonly #closeLog: () => Promise<void>

  constructor(
    log: StreamLog,
    closeLog: () => Promise<void> = async () => {},
    stream = `lab:${randomUUID()}`,
  ) {
    this.log = log
    this.stream = stream
    this.#closeLog = closeLog
  }

  /** A worker that is not started yet; it is stopped with the lab. */
  worker(options: LabOptions): Worker {
    const worker = new Worker(this.log, {
      stream: this.stream,
      group: GROUP,
      deadAfterMs: DEAD_AFTER_MS,
      retry: { delayMs: 20, jitter: 0 },
      ...options,
    })
    this.workers.push(worker)
    return worker
  }

  start(handler: Handler, options: LabOptions = {}): Promise<Worker> {
    return this.startWith({ ...options, handler })
  }

  /** For whatever is not a worker with a plain handler. */
  async startWith(options: LabOptions): Promise<Worker> {
    const worker = this.worker(options)
    await worker.start()
    return worker
  }

  /** Writes events of type `number` with the data 0 to `count - 1`, or what `fields` makes of the number. */
  async publish(count: number, fields = numberFields): Promise<string[]> {
    const entries = Array.from({ length: count }, (_, number) => ({ fields: fields(number) }))
    const results = await this.log.append(this.stream, entries)
    return results.map((result) => {
      if (typeof result === 'string') return result
      throw result
    })
  }

  /** The dead letters of the stream, each as an object. */
  async letters(): Promise<Record<string, string>[]> {
    const name = this.log.deadLetterStream(this.stream)
    const entries = await this.log.read(name, FIRST_POSITION, 1_000).catch(() => [])
    return entries.map(({ fields }) => toObject(fields))
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop(1_000)))
    await this.#closeLog()
  }
}

const numberFields = (number: number): string[] => ['type', 'number', 'data', String(number)]

export function toObject(fields: readonly string[]): Record<string, string> {
  const object: Record<string, string> = {}
  for (let index = 0; index + 1 < fields.length; index += 2) object[fields[index]!] = fields[index + 1]!
  return object
}
