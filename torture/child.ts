import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OPTIONS_VARIABLE, type Message, type ProcessOptions } from './process-context.ts'

/** A publisher or a worker in a process of its own, whose output goes to a log of its own. */
export class Child {
  readonly name: string
  /** Resolves when everything of it runs, or it ended before that. */
  readonly ready: Promise<unknown>
  readonly ended: Promise<NodeJS.Signals | number>
  readonly #process: ChildProcess
  #isAlive = true

  constructor(script: 'publisher' | 'worker', options: ProcessOptions) {
    this.name = options.name
    const log = openSync(join(options.folder, 'logs', `${options.name}.log`), 'a')
    const file = fileURLToPath(new URL(`./${script}.ts`, import.meta.url))
    this.#process = spawn(process.execPath, ['--import', 'tsx', file], {
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...process.env, [OPTIONS_VARIABLE]: JSON.stringify(options) },
    })
    closeSync(log)
    this.#process.on('error', () => {}) // 'exit' follows, or a message did not arrive
    this.ready = Promise.race([once(this.#process, 'message'), once(this.#process, 'exit')])
    this.ended = once(this.#process, 'exit').then(([code, signal]) => {
      this.#isAlive = false
      return (signal ?? code) as NodeJS.Signals | number
    })
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  tell(message: Message): void {
    if (this.#process.connected) this.#process.send(message, () => {})
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
