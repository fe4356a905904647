import { toError } from '../../core/errors.ts'
import type { Operations } from '../../core/operations.ts'
import { pause } from '../../core/pause.ts'
import { CommandError, EXIT } from '../exit.ts'
import { print, type Io } from '../io.ts'
import { formatAge } from '../output/format.ts'
import { painter } from '../output/style.ts'
import { terminalWidth } from '../output/table.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'
import { frameOf, headOf, tableOf, type TopState } from './frame.ts'
import { Lookout, type Look } from './look.ts'
import { rowsOf, type Sort } from './rows.ts'
import { Screen } from './screen.ts'

export interface TopFlags extends RedisFlags {
  interval: number
  sort: Sort
  once?: boolean
}

/** So that it is soon said that Redis is away, in ms. */
const TIMEOUT_MS = 3_000

const KEYS: Readonly<Record<string, Sort>> = { l: 'lag', p: 'pending', i: 'in', o: 'out', n: 'name' }

/** `millrace top`: the groups, live. */
export async function topCommand(io: Io, streams: readonly string[], flags: TopFlags): Promise<void> {
  const { stdin, stdout } = io
  if (!flags.once && !(stdin.isTTY && stdout.isTTY))
    throw new CommandError('top needs a terminal; add --once to print what there is', EXIT.usage)
  const options = { names: { stream: streams[0] }, timeoutMs: TIMEOUT_MS, stopsItself: true }
  await withOperations(
    io,
    flags,
    ({ operations }) =>
      flags.once ? printOnce(io, operations, streams, flags) : new Top(io, operations, streams, flags).run(),
    options,
  )
}

async function printOnce(
  io: Io,
  operations: Operations,
  streams: readonly string[],
  { interval, sort }: TopFlags,
): Promise<void> {
  const lookout = new Lookout(operations, streams)
  const before = await lookout.look()
  await pause(interval, io.signal)
  const state = { rows: rowsOf(before, await lookout.look()), sort, time: new Date() }
  const [width, paint] = [terminalWidth(io), painter(io)]
  for (const line of [headOf(state, width, paint), '', ...tableOf(state, width, paint)]) await print(io, line)
}

/** One session on a terminal: it looks, draws, and heeds keys while it waits. */
class Top {
  readonly #io: Io
  readonly #lookout: Lookout
  readonly #interval: number
  readonly #quit = new AbortController()
  readonly #screen: Screen
  #before: Look | undefined
  #lastSeen = performance.now()
  #state: TopState

  constructor(io: Io, operations: Operations, streams: readonly string[], { interval, sort }: TopFlags) {
    this.#io = io
    this.#lookout = new Lookout(operations, streams)
    this.#interval = interval
    this.#state = { rows: [], sort, time: new Date() }
    this.#screen = new Screen(
      io,
      (key) => this.#press(key),
      () => this.#draw(),
    )
  }

  async run(): Promise<void> {
    const end = AbortSignal.any([this.#io.signal, this.#quit.signal])
    // A stream that is not there is said on the screen that stays.
    await this.#look()
    try {
      this.#screen.enter()
      this.#draw()
      while (!end.aborted) {
        await pause(this.#interval, end)
        if (end.aborted) break
        await Promise.race([this.#lookOrSayWhy(), aborted(end)])
        this.#draw()
      }
    } finally {
      this.#screen.leave()
    }
  }

  async #look(): Promise<void> {
    const now = await this.#lookout.look()
    const { sort } = this.#state
    this.#state = { rows: rowsOf(this.#before, now), sort, time: new Date() }
    this.#before = now
    this.#lastSeen = performance.now()
  }

  async #lookOrSayWhy(): Promise<void> {
    try {
      await this.#look()
    } catch (error) {
      const since = formatAge(performance.now() - this.#lastSeen)
      this.#state = { ...this.#state, trouble: `last look ${since} ago: ${toError(error).message}` }
    }
  }

  #press(key: string): void {
    if (key === 'q') return this.#quit.abort()
    const sort = KEYS[key]
    if (sort === undefined) return
    this.#state = { ...this.#state, sort }
    this.#draw()
  }

  #draw(): void {
    this.#screen.draw(frameOf(this.#state, this.#screen.size, painter(this.#io)))
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
