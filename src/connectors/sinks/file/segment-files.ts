import type { Home } from './home.ts'
import type { Document, Keeper } from './keeper.ts'
import { encodeName } from './names.ts'
import { StreamSegments, type SegmentOptions } from './stream-segments.ts'
import { TOUCH_MS } from './takeover.ts'

/** How often a look is taken for segments that others left behind, in turns of {@link TOUCH_MS}. */
const TURNS_TO_RECOVERY = 15
/** A disk that hangs must not keep a pipeline from ending. */
const CLOSE_MS = 2_000

/** Lines in segments, at `<stream>/<first>-<last>-<bytes>-<token>.jsonl`; each instance writes to segments of its own. */
export class SegmentFiles implements Keeper {
  readonly #home: Home
  readonly #options: SegmentOptions
  readonly #streams = new Map<string, Promise<StreamSegments>>()
  #timer: NodeJS.Timeout | undefined
  #turn = 0

  constructor(home: Home, options: SegmentOptions) {
    this.#home = home
    this.#options = options
  }

  async open(): Promise<void> {
    await this.#reset()
    await this.#recover()
    clearTimeout(this.#timer)
    this.#plan()
  }

  async keep(documents: readonly Document[], signal: AbortSignal): Promise<void> {
    const writes = [...byStream(documents)].map(async ([stream, own]) => {
      const segments = await this.#segments(encodeName(stream))
      signal.throwIfAborted()
      await segments.keep(own, signal)
    })
    // All of them, so that nothing is under way when it is said that nothing counts as written.
    const results = await Promise.allSettled(writes)
    const failure = results.find(({ status }) => status === 'rejected')
    if (failure) throw (failure as PromiseRejectedResult).reason
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS)
    })
    await Promise.race([this.#end(), late]).finally(() => clearTimeout(timer))
  }

  #segments(folder: string): Promise<StreamSegments> {
    const known = this.#streams.get(folder)
    if (known) return known
    const made = this.#home
      .folder(folder)
      .then((path) => new StreamSegments(this.#home.disk, path, this.#options))
    this.#streams.set(folder, made)
    made.catch(() => this.#streams.delete(folder))
    return made
  }

  async #reset(): Promise<void> {
    await Promise.all([...this.#streams.values()].map(async (segments) => (await segments).reset()))
  }

  async #end(): Promise<void> {
    await this.#reset()
    await Promise.all([...this.#streams.values()].map(async (segments) => (await segments).released()))
  }

  /** Those of every stream in the directory, also of some that this pipeline does not read. */
  async #recover(): Promise<void> {
    for (const folder of await this.#home.folders()) await (await this.#segments(folder)).recover()
  }

  #plan(): void {
    this.#timer = setTimeout(() => void this.#tend().catch(() => {}), TOUCH_MS)
    this.#timer.unref()
  }

  /** What fails here fails with the next write as well, and is told then. */
  async #tend(): Promise<void> {
    const timer = this.#timer
    try {
      await Promise.all([...this.#streams.values()].map(async (segments) => (await segments).tend()))
      if (++this.#turn % TURNS_TO_RECOVERY === 0) await this.#recover()
    } finally {
      if (timer === this.#timer) this.#plan()
    }
  }
}

function byStream(documents: readonly Document[]): Map<string, Document[]> {
  const streams = new Map<string, Document[]>()
  for (const document of documents) {
    const { stream } = document.event
    const own = streams.get(stream)
    if (own) own.push(document)
    else streams.set(stream, [document])
  }
  return streams
}
