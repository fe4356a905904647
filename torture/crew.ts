import { Child } from './child.ts'
import type { EvidenceWriter } from './evidence.ts'
import type { ProcessOptions } from './process-context.ts'

export type CrewOptions = Omit<ProcessOptions, 'name' | 'late' | 'rate'>

/**
 * The worker processes. Each place has one at a time; who comes after another has a name of its own, so that the
 * evidence tells them apart.
 */
export class Crew {
  readonly #options: CrewOptions
  readonly #evidence: EvidenceWriter
  readonly #places: Child[]
  readonly #all: Child[] = []
  #late = false
  #ending = false

  constructor(size: number, options: CrewOptions, evidence: EvidenceWriter) {
    this.#options = options
    this.#evidence = evidence
    this.#places = Array.from({ length: size }, (_, place) => this.#start(place))
  }

  get size(): number {
    return this.#places.length
  }

  get ready(): Promise<unknown> {
    return Promise.all(this.#places.map((child) => child.ready))
  }

  at(place: number): Child {
    return this.#places[place]!
  }

  /** Starts another one where one ended, or is ending. */
  replace(place: number): void {
    if (!this.#ending) this.#places[place] = this.#start(place)
  }

  /** From now on all of them consume through the late group too. */
  tellLate(): void {
    this.#late = true
    for (const child of this.#places) child.tell({ tell: 'late' })
  }

  /** Asks all of them to end, and answers who did not end well by itself within the time. */
  async end(withinMs: number): Promise<string[]> {
    this.#ending = true
    for (const child of this.#places) child.kill('SIGTERM')
    const timeout = new Promise<'late'>((resolve) => setTimeout(resolve, withinMs, 'late').unref())
    const ends = await Promise.all(
      this.#places.map(async (child) => ({ child, end: await Promise.race([child.ended, timeout]) })),
    )
    return ends.filter(({ end }) => end !== 0).map(({ child, end }) => `${child.name}: ${end}`)
  }

  /** Whatever state they are in. */
  async kill(): Promise<void> {
    this.#ending = true
    await Promise.all(this.#all.filter(({ isAlive }) => isAlive).map((child) => child.end()))
  }

  #start(place: number): Child {
    const name = `w${place}.${this.#all.length}`
    const child = new Child('worker', { ...this.#options, name, late: this.#late, rate: 0 })
    this.#all.push(child)
    void child.ended.then((end) => {
      this.#evidence.write('ends', [[Date.now(), name, 'ended', String(end)]])
      // Nobody asked it to: it crashed, which the checker finds, and the run goes on.
      if (this.#places[place] === child && end !== 'SIGKILL') this.replace(place)
    })
    return child
  }
}
