import cliProgress, { SingleBar } from 'cli-progress'
import { say, type Io } from './io.ts'
import { formatCount } from './output/format.ts'
import { cut } from './output/text.ts'

export interface Step {
  done: number
  total?: number | undefined
  /** What it is at, in a few words. */
  note?: string | undefined
}

const BAR_WIDTH = 20
/** How often a line says how far it is where there is no terminal, in ms. */
const LINE_EVERY_MS = 10_000

/** Says on stderr how far something is: a bar on a terminal, elsewhere a line now and then. */
export class Progress {
  readonly #io: Io
  readonly #what: string
  readonly #unit: string
  readonly #bar: SingleBar | undefined
  #step: Step = { done: 0 }
  #saidAt = Date.now()

  /** @param what such as the name of a stream; `unit` is what is counted, such as `entries` */
  constructor(io: Io, what: string, unit: string, total?: number) {
    this.#io = io
    this.#what = what
    this.#unit = unit
    this.#step = { done: 0, total }
    if (!io.stderr.isTTY) return
    this.#bar = new SingleBar({
      stream: io.stderr,
      format: (options, { progress }) => this.#line(cliProgress.Format.BarFormat(progress, options)),
      barsize: BAR_WIDTH,
      hideCursor: true,
      linewrap: false,
    })
    this.#bar.start(total ?? 0, 0)
  }

  update(step: Step): void {
    this.#step = { ...this.#step, ...step }
    const { done, total } = this.#step
    if (!this.#bar) return this.#sayNowAndThen()
    this.#bar.setTotal(total ?? 0)
    this.#bar.update(done)
  }

  stop(): void {
    this.#bar?.stop()
  }

  #sayNowAndThen(): void {
    if (Date.now() - this.#saidAt < LINE_EVERY_MS) return
    this.#saidAt = Date.now()
    say(this.#io, this.#line())
  }

  /** The bar is left out where nobody knows the total. */
  #line(bar?: string): string {
    const { done, total, note } = this.#step
    const counted = total === undefined ? formatCount(done) : `${formatCount(done)}/${formatCount(total)}`
    const drawn = bar === undefined || total === undefined ? '' : ` [${bar}] ${percentage(done, total)}%`
    const text = `${this.#what}${drawn}  ${counted} ${this.#unit}${note ? `  ${note}` : ''}`
    return bar === undefined ? text : cut(text, this.#io.stderr.columns ?? 80)
  }
}

const percentage = (done: number, total: number): number =>
  total === 0 ? 100 : Math.floor((100 * Math.min(done, total)) / total)
