import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** How long what was interrupted may take to end. */
const PATIENCE_MS = 10_000

/** A command that goes on while others are run. */
export class Terminal {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  #hasEnded = false
  #printed = ''
  #seen = 0

  constructor(command: string, cwd: string, env: NodeJS.ProcessEnv) {
    // A group of its own, as in a terminal: Ctrl-C goes to the command and to all that it started.
    const shell = ['-c', `exec 2>&1; ${command}`]
    this.#process = spawn('/bin/sh', shell, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    this.#process.stdout!.on('data', (bytes) => (this.#printed += String(bytes)))
    this.#ended = once(this.#process, 'close').then(() => (this.#hasEnded = true))
  }

  /** What was printed since somebody looked. */
  get unseen(): string {
    return this.#printed.slice(this.#seen)
  }

  see(): void {
    this.#seen = this.#printed.length
  }

  /** Ctrl-C, and the end of it; by force where it does not end. */
  async interrupt(): Promise<void> {
    this.#signal('SIGINT')
    const force = setTimeout(() => this.#signal('SIGKILL'), PATIENCE_MS)
    await this.#ended
    clearTimeout(force)
  }

  #signal(name: NodeJS.Signals): void {
    // The number may be that of somebody else by then.
    if (!this.#hasEnded) process.kill(-this.#process.pid!, name)
  }
}
