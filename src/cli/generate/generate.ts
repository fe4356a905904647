import { Publisher } from '../../bus/publisher.ts'
import { toError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import { pause } from '../../core/pause.ts'
import type { NewEntry, StreamLog } from '../../core/stream-log.ts'
import { encrypt } from '../../middleware/encrypt.ts'
import type { CommandContext } from '../context.ts'
import { EXIT } from '../exit.ts'
import { printJson, say, type Io } from '../io.ts'
import { printFacts } from '../output/facts.ts'
import { formatAge, formatCount, formatRate, plural } from '../output/format.ts'
import { Progress } from '../progress.ts'
import { readCommandConfig } from '../service-config.ts'
import { withRedis, type RedisFlags } from '../with-redis.ts'
import { badEntry, FAULTS, type Fault } from './bad.ts'
import type { Kind } from './kind-names.ts'
import { generatorOf } from './kinds.ts'
import { randomFrom, type Random } from './random.ts'

export interface GenerateFlags extends RedisFlags {
  kind: Kind
  stream?: string
  /** A second. */
  rate: number
  count?: number
  devices: number
  seed?: number
  /** Which part of all is bad, from 0 to 1. */
  bad: number
  json?: boolean
}

/** What was published, as `--json` prints it. */
export interface GenerateReport {
  stream: string
  kind: Kind
  seed: number
  published: number
  good: number
  bad: Record<Fault, number>
  /** Redis did not take them, or did not say so. */
  failed: number
  first: string | undefined
  last: string | undefined
  seconds: number
  eventsPerSecond: number
}

/** Appended at once: enough for a high rate, and little to hold where some are oversize. */
const BATCH = 200
/** How often it looks what is due, in ms. */
const TICK_MS = 20

/** `millrace generate`: test data at a rate, until there is enough of it or somebody has had enough. */
export async function generateCommand(
  { io, setExitCode }: CommandContext,
  flags: GenerateFlags,
): Promise<void> {
  const stream = flags.stream ?? (await streamKey(io, flags))
  checkName('stream name', stream)
  const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 32)
  const random = randomFrom(seed)
  const generate = await generatorOf(flags.kind, { devices: flags.devices, random })
  await withRedis(io, flags, async (log, ring) => {
    await log.register(stream)
    const publisher = new Publisher(log, { middleware: ring ? [encrypt(ring)] : [] })
    const next = entries(() => publisher.entryOf(stream, generate()), flags.bad, random)
    const generation = new Generation(log, stream, next)
    await run(io, generation, flags)
    const report = { stream, kind: flags.kind, seed, ...generation.counts }
    if (flags.json) await printJson(io, report)
    else await printReport(io, report)
    if (generation.lastFailure) {
      say(io, `${plural(report.failed, 'event')} failed, the last one so: ${generation.lastFailure.message}`)
      setExitCode(EXIT.failed)
    }
  })
}

/** The one that the connector reads. */
async function streamKey(io: Io, flags: GenerateFlags): Promise<string> {
  const { variables } = await readCommandConfig(io, flags)
  return variables.find(({ name }) => name === 'STREAM_KEY')!.text!
}

interface Next {
  readonly entry: NewEntry
  readonly fault: Fault | undefined
}

/** Which ones are bad is up to chance; the kinds of faults take turns. */
function entries(good: () => Promise<NewEntry>, share: number, random: Random): () => Promise<Next> {
  let faults = 0
  return async () => {
    if (share === 0 || random() >= share) return { entry: await good(), fault: undefined }
    const fault = FAULTS[faults++ % FAULTS.length]!
    return { entry: badEntry(fault, random), fault }
  }
}

/** By a schedule: what a slow answer held up is made up for. */
async function run(io: Io, generation: Generation, { rate, count }: GenerateFlags): Promise<void> {
  const progress = new Progress(io, generation.stream, 'events', count)
  try {
    while (generation.begun < (count ?? Infinity) && !io.signal.aborted) {
      const due = Math.min(Math.floor(generation.seconds * rate) + 1, count ?? Infinity) - generation.begun
      if (due <= 0) await pause(TICK_MS, io.signal)
      else await generation.append(Math.min(due, BATCH))
      const { eventsPerSecond } = generation.counts
      progress.update({ done: generation.begun, note: formatRate(eventsPerSecond) })
    }
  } finally {
    progress.stop()
  }
}

class Generation {
  readonly stream: string
  readonly #log: StreamLog
  readonly #next: () => Promise<Next>
  readonly #startedAt = performance.now()
  readonly #bad: Record<Fault, number> = { undecodable: 0, oversize: 0, misshapen: 0 }
  #good = 0
  #failed = 0
  #first: string | undefined
  #last: string | undefined
  begun = 0
  lastFailure: Error | undefined

  constructor(log: StreamLog, stream: string, next: () => Promise<Next>) {
    this.#log = log
    this.stream = stream
    this.#next = next
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000
  }

  get counts(): Omit<GenerateReport, 'stream' | 'kind' | 'seed'> {
    const bad = { ...this.#bad }
    const published = this.#good + bad.undecodable + bad.oversize + bad.misshapen
    const seconds = Math.max(0.001, Math.round(this.seconds * 1_000) / 1_000)
    return {
      published,
      good: this.#good,
      bad,
      failed: this.#failed,
      first: this.#first,
      last: this.#last,
      seconds,
      eventsPerSecond: Math.round(published / seconds),
    }
  }

  async append(count: number): Promise<void> {
    const batch: Next[] = []
    while (batch.length < count) batch.push(await this.#next())
    this.begun += count
    const results = await this.#log
      .append(
        this.stream,
        batch.map(({ entry }) => entry),
      )
      .catch((thrown: unknown) => batch.map(() => toError(thrown)))
    for (const [index, result] of results.entries()) this.#count(batch[index]!, result)
  }

  #count({ fault }: Next, result: string | Error): void {
    if (typeof result !== 'string') {
      this.#failed++
      this.lastFailure = result
      return
    }
    if (fault) this.#bad[fault]++
    else this.#good++
    this.#first ??= result
    this.#last = result
  }
}

const printReport = (io: Io, report: GenerateReport): Promise<void> => {
  const { stream, kind, seed, published, bad, failed, first, last, seconds, eventsPerSecond } = report
  const isBad = Object.values(bad).some((count) => count > 0)
  const badOnes = FAULTS.map((fault) => `${formatCount(bad[fault])} ${fault}`).join(', ')
  return printFacts(io, {
    stream,
    kind: `${kind}, seed ${seed}`,
    published: `${formatCount(published)} in ${formatAge(seconds * 1_000)}, ${formatRate(eventsPerSecond)}`,
    bad: isBad ? badOnes : undefined,
    failed: failed > 0 ? formatCount(failed) : undefined,
    positions: first === undefined ? undefined : `${first} to ${last}`,
  })
}
