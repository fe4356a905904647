import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Effort, Round, Servers } from './contender.ts'

const MAIN = fileURLToPath(new URL('contender-main.ts', import.meta.url))

/** A contender in a process of its own. */
export class ContenderProcess {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(module: URL, servers: Servers): Promise<ContenderProcess> {
    const process = new ContenderProcess(fork(MAIN, [module.href, JSON.stringify(servers)]))
    await process.#answer()
    return process
  }

  async run(round: Round): Promise<Effort> {
    this.#child.send(round)
    return (await this.#answer()) as Effort
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || !this.#child.connected) return
    const exited = once(this.#child, 'exit')
    this.#child.disconnect()
    await exited
  }

  async #answer(): Promise<unknown> {
    const waiting = new AbortController()
    const { signal } = waiting
    const died = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error('a contender died; its error is above')
    })
    try {
      const [answer] = (await Promise.race([once(this.#child, 'message', { signal }), died])) as [unknown]
      return answer
    } finally {
      died.catch(() => {})
      waiting.abort()
    }
  }
}
