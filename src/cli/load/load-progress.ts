import type { LoadRun } from '../../load/load-run.ts'
import type { LoadPlan } from '../../load/plan.ts'
import type { Io } from '../io.ts'
import { formatAge, formatCount, formatRate } from '../output/format.ts'
import { Progress } from '../progress.ts'
import { formatLatency } from './format.ts'

const EVERY_MS = 500

/** Says while a load runs how far it is, and how it fares. */
export class LoadProgress {
  readonly #run: LoadRun
  readonly #plan: LoadPlan
  readonly #bar: Progress
  readonly #timer: NodeJS.Timeout
  readonly #startedAt = performance.now()
  #ended = 0
  #lookedAt = this.#startedAt

  constructor(io: Io, run: LoadRun, plan: LoadPlan) {
    this.#run = run
    this.#plan = plan
    this.#bar = new Progress(io, 'load', 'requests', plan.count)
    this.#timer = setInterval(() => this.#look(), EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#bar.stop()
  }

  #look(): void {
    const { begun, underWay, latencies, failures } = this.#run.measurements
    const now = performance.now()
    const ended = begun - underWay
    const rate = ((ended - this.#ended) * 1_000) / (now - this.#lookedAt)
    const p95 = latencies.percentile(95)
    const parts = [
      this.#timeLeft(now - this.#startedAt),
      formatRate(rate),
      p95 === undefined ? '' : `p95 ${formatLatency(p95)}`,
      `${formatCount(failures.count)} failed`,
    ]
    this.#bar.update({ done: ended, total: this.#plan.count, note: parts.filter(Boolean).join('  ') })
    this.#ended = ended
    this.#lookedAt = now
  }

  #timeLeft(elapsedMs: number): string {
    const { warmUpMs = 0, durationMs } = this.#plan
    if (elapsedMs < warmUpMs) return 'warming up'
    return durationMs === undefined ? '' : `${formatAge(elapsedMs - warmUpMs)} of ${formatAge(durationMs)}`
  }
}
