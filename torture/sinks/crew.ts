import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Random } from '../random.ts'
import type { ConnectorOptions } from './connector.ts'

const CONNECTOR = fileURLToPath(new URL('./connector.ts', import.meta.url))
const INSTANCES = 3
const BETWEEN_KILLS_MS = [800, 2_500] as const
const STOP_MS = 15_000

interface Instance {
  process: ChildProcess
  /** Resolves when it runs, or has ended before that. */
  ready: Promise<unknown>
  /** Its exit code, or what killed it. */
  ended: Promise<string>
}

/** Some instances of a connector, of which one is killed every other second, and started again. */
export class Crew {
  kills = 0
  readonly #options: Omit<ConnectorOptions, 'seed'>
  readonly #random: Random
  readonly #killing = new AbortController()
  #children: Instance[] = []
  #loop: Promise<void> | undefined

  constructor(options: Omit<ConnectorOptions, 'seed'>, random: Random) {
    this.#options = options
    this.#random = random
  }

  start(): void {
    this.#children = Array.from({ length: INSTANCES }, () => this.#spawn())
    this.#loop = this.#killNowAndThen()
  }

  /** From now on nobody is killed. */
  async spare(): Promise<void> {
    this.#killing.abort()
    await this.#loop
  }

  /** Answers how each ended that did not do so by itself. */
  async stop(): Promise<string[]> {
    await this.spare()
    const ends = this.#children.map(async ({ process, ready, ended }) => {
      await ready
      process.kill('SIGTERM')
      const timer = setTimeout(() => process.kill('SIGKILL'), STOP_MS)
      const end = await ended
      clearTimeout(timer)
      return end
    })
    return (await Promise.all(ends)).filter((end) => end !== '0')
  }

  async #killNowAndThen(): Promise<void> {
    const { signal } = this.#killing
    for (;;) {
      await sleep(this.#random.between(...BETWEEN_KILLS_MS), undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      const place = this.#random.between(0, INSTANCES - 1)
      const victim = this.#children[place]!
      // One that has not come up yet would never do any work on a busy machine.
      await victim.ready
      victim.process.kill('SIGKILL')
      await victim.ended
      this.kills++
      this.#children[place] = this.#spawn()
    }
  }

  #spawn(): Instance {
    const options: ConnectorOptions = { ...this.#options, seed: this.#random.between(1, 2 ** 31) }
    const args = ['--import', 'tsx', CONNECTOR, JSON.stringify(options)]
    const process = spawn(execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const ended = once(process, 'exit').then(([code, signal]) => String(signal ?? code))
    return { process, ended, ready: Promise.race([once(process, 'message'), ended]) }
  }
}
