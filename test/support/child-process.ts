import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface ChildOptions {
  url: string
  stream: string
  /**
   * `slow` handlers wait for their signal; `poison` ones kill the process at events with that data; `ordered` ones fail
   * by chance and produce their effects, in a group whose order is that of keys; `blocking` ones keep the event
   * loop busy for as many ms as the data says.
   */
  mode: 'quick' | 'slow' | 'poison' | 'ordered' | 'blocking'
  attempts: number
  concurrency: number
  /** The handler takes batches of so many, and reports the end of each of them. */
  batch?: number
}

export type ChildLine = {
  start?: string
  attempt?: number
  /** How many started with it in one call. */
  batch?: number
  aborted?: string
  end?: string
  ready?: true
  stopped?: true
}

/** A script of this folder in a process of its own, which reports a line of JSON at a time. */
export class Child<Line> {
  readonly lines: Line[] = []
  readonly ended: Promise<NodeJS.Signals | number | null>
  readonly #process: ChildProcess
  #output = ''

  constructor(script: string, options: object) {
    const file = fileURLToPath(new URL(script, import.meta.url))
    const args = ['--import', 'tsx', file, JSON.stringify(options)]
    this.#process = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    createInterface(this.#process.stdout!).on('line', (line) => this.lines.push(JSON.parse(line) as Line))
    this.#process.stderr!.on('data', (bytes) => (this.#output += String(bytes)))
    this.ended = once(this.#process, 'close').then(
      ([code, signal]) => (signal ?? code) as NodeJS.Signals | number,
    )
  }

  /** What it wrote to stderr. */
  get output(): string {
    return this.#output
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Whatever state it is in. */
  async end(): Promise<void> {
    this.kill('SIGKILL')
    await this.ended
  }
}

/** A worker in a process of its own. */
export class WorkerChild extends Child<ChildLine> {
  constructor(options: ChildOptions) {
    super('./worker-child.ts', options)
  }

  get starts(): ChildLine[] {
    return this.lines.filter(({ start }) => start !== undefined)
  }
}
