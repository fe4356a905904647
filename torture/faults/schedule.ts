import { setTimeout as sleep } from 'node:timers/promises'
import { toError } from '../../src/core/errors.ts'
import type { EvidenceWriter } from '../evidence.ts'
import type { PlannedFault } from '../plan.ts'
import type { Claimed, Fault, Site } from './fault.ts'

/** Runs the plan: each fault at its time, beside those that still last, unless they need the same thing. */
export class Schedule {
  readonly #faults: Readonly<Record<string, Fault>>
  readonly #site: Site
  readonly #evidence: EvidenceWriter
  readonly #say: (line: string) => void
  readonly #claims = new Map<string, Promise<void>>()
  readonly #running: Promise<void>[] = []

  constructor(
    faults: Readonly<Record<string, Fault>>,
    site: Site,
    evidence: EvidenceWriter,
    say: (line: string) => void,
  ) {
    this.#faults = faults
    this.#site = site
    this.#evidence = evidence
    this.#say = say
  }

  /** Resolves when everything was broken and mended; what can not be run is an error of the run. */
  async run(plan: readonly PlannedFault[]): Promise<void> {
    const start = performance.now()
    for (const planned of plan) {
      await sleep(Math.max(0, start + planned.atMs - performance.now()))
      const fault = this.#faults[planned.kind]!
      const place = planned.victim % this.#site.crew.size
      this.#running.push(this.#after(claimed(fault.claims, place), () => this.#run(planned, fault, place)))
    }
    await Promise.all(this.#running)
  }

  #after(claim: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#claims.get(claim) ?? Promise.resolve()).then(work)
    // Raised at the end of the run, by whoever awaits it.
    const over = turn.catch(() => {})
    this.#claims.set(claim, over)
    return turn
  }

  async #run(planned: PlannedFault, fault: Fault, place: number): Promise<void> {
    const { n, kind } = planned
    this.#say(`fault ${n}: ${kind}`)
    this.#evidence.write('faults', [['begin', Date.now(), n, kind, '{}']])
    try {
      const note = await fault.run(planned, this.#site, place)
      this.#evidence.write('faults', [['end', Date.now(), n, kind, JSON.stringify(note)]])
    } catch (error) {
      throw new Error(`the fault ${n}, ${kind}, could not be run: ${toError(error).message}`, {
        cause: error,
      })
    }
  }
}

const claimed = (what: Claimed, place: number): string => (what === 'worker' ? `worker ${place}` : what)
