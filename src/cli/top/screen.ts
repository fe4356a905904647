import type { Io } from '../io.ts'
import type { Size } from './frame.ts'

const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
/** In raw mode Ctrl-C is a key. */
const INTERRUPT = '\u0003'

/** A terminal of which we have the whole screen, until `leave` gives it back as it was. */
export class Screen {
  readonly #io: Io
  readonly #onKey: (key: string) => void
  readonly #onResize: () => void
  #entered = false

  /** @param onKey called for each key; Ctrl-C comes as `q` */
  constructor(io: Io, onKey: (key: string) => void, onResize: () => void) {
    this.#io = io
    this.#onKey = onKey
    this.#onResize = onResize
  }

  enter(): void {
    const { stdin, stdout, onCrash } = this.#io
    this.#entered = true
    // However the process ends: the shell must not be left on this screen.
    process.once('exit', this.leave)
    onCrash?.(this.leave)
    stdin.setRawMode?.(true)
    stdin.on('data', this.#read)
    stdout.on('resize', this.#onResize)
    stdout.write(ENTER)
  }

  /** Idempotent. */
  readonly leave = (): void => {
    if (!this.#entered) return
    this.#entered = false
    const { stdin, stdout } = this.#io
    process.off('exit', this.leave)
    stdout.off('resize', this.#onResize)
    stdin.off('data', this.#read)
    stdin.setRawMode?.(false)
    stdin.pause()
    stdout.write(LEAVE)
  }

  get size(): Size {
    const { columns = 80, rows = 24 } = this.#io.stdout
    return { columns, rows }
  }

  draw(lines: readonly string[]): void {
    if (!this.#entered) return
    const text = lines.map((line) => line + CLEAR_LINE).join('\n')
    this.#io.stdout.write(HOME + text + CLEAR_BELOW)
  }

  readonly #read = (bytes: Buffer | string): void => {
    for (const key of String(bytes)) this.#onKey(key === INTERRUPT ? 'q' : key)
  }
}
