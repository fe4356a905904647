import { readFileSync } from 'node:fs'
import { connect, MillraceError, type Bus } from 'millrace'
import { environment } from '../environment.ts'

/** What may stand behind a command: how many, how many ms for each, and what else it takes. */
export interface Numbers {
  count: number
  delayMs: number
}

export interface Run extends Numbers {
  bus: Bus
  /** The third argument. */
  name: string | undefined
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
}

/** Runs a command on the Redis that is there, with `<count> <delay in ms> <name>` from the command line. */
export async function command(defaults: Numbers, work: (run: Run) => Promise<void>): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort())
  try {
    const [count, delay, name] = process.argv.slice(2)
    const numbers = {
      count: toNumber(count, defaults.count, 1),
      delayMs: toNumber(delay, defaults.delayMs, 0),
    }
    const bus = await connectHere()
    await work({ bus, ...numbers, name, signal: stop.signal }).finally(() => bus.close())
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}

function toNumber(text: string | undefined, standard: number, min: number): number {
  if (text === undefined) return standard
  const number = Number(text)
  if (/^\d{1,9}$/.test(text) && number >= min) return number
  throw new Error(
    `wanted: <count> <delay in ms>, such as 1000 50; "${text}" is no whole number from ${min} up`,
  )
}

/** As the commands of Millrace: the Redis that the environment or `.env` names, else that of a running `npm start`. */
async function connectHere(): Promise<Bus> {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT = '6379', REDIS_USER, REDIS_PW } = environment()
  const url = REDIS_URL ?? (REDIS_HOST ? `redis://${REDIS_HOST}:${REDIS_PORT}` : embeddedUrl())
  if (url === undefined) throw nowhere('there is no Redis here')
  const user = { ...(REDIS_USER && { username: REDIS_USER }), ...(REDIS_PW && { password: REDIS_PW }) }
  return connect({ url, ...user, clientName: 'example' }).catch((error: unknown) => {
    const isAway = error instanceof MillraceError && error.code === 'REDIS_UNAVAILABLE'
    throw isAway ? nowhere(error.message) : error
  })
}

const nowhere = (what: string) => new Error(`${what}: run npm start in another terminal, or set REDIS_URL`)

/** Where the embedded one runs, or ran the last time: `npm start` writes that down. */
function embeddedUrl(): string | undefined {
  try {
    const { port } = JSON.parse(readFileSync('.millrace/redis.json', 'utf8')) as { port?: number }
    return port === undefined ? undefined : `redis://127.0.0.1:${port}`
  } catch {
    return undefined
  }
}
