import { readFileSync } from 'node:fs'
import { Agent, request, type IncomingHttpHeaders } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { ServiceProcess } from './support/service-process.ts'
import { useRedis } from './support/use-redis.ts'

const { server: redis, admin } = useRedis()

let service: ServiceProcess | undefined
afterEach(async () => {
  await service?.end('SIGKILL')
})

const CONNECTIONS = 200
const LOAD_MS = 5_000
const EVENTS_PER_REQUEST = 20
const EVENT_BYTES = 10_000
const MEBIBYTE = 1 << 20
const MEMORY_LIMIT = 400 * MEBIBYTE

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

/** Rejects where the connection breaks: whoever is refused must be told. */
function ask(agent: Agent, url: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
    const outgoing = request(
      url,
      { agent, method: body === undefined ? 'GET' : 'POST', headers },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: text }),
        )
        response.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const filler = 'x'.repeat(EVENT_BYTES)

/** A batch whose events say where they come from. */
const batchOf = (stream: string, from: number): string =>
  JSON.stringify({
    events: Array.from({ length: EVENTS_PER_REQUEST }, (_, index) => ({
      streamName: stream,
      eventType: 'load',
      payload: { n: from + index, filler },
    })),
  })

/** What the process takes at most, in bytes, where the system tells. */
function peakMemory(pid: number): number {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kilobytes ?? 0) * 1024
  } catch {
    return 0
  }
}

describe('under more load than it can carry', () => {
  it('refuses some of it with a word, loses nothing that it took, and stays within bounds', async () => {
    service = await ServiceProcess.start({
      REDIS_URL: redis.url,
      ROLES: 'connector',
      MAX_MEMORY_BYTES: String(MEMORY_LIMIT),
      MAX_EVENT_LOOP_DELAY_MS: '500',
    })
    const { url } = service
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
    const watcher = new Agent({ keepAlive: true })
    const accepted = new Map<string, number>()
    const answers = new Map<string, number>()
    const healthMs: number[] = []
    const end = performance.now() + LOAD_MS
    let next = 0

    const client = async () => {
      while (performance.now() < end) {
        const from = next
        next += EVENTS_PER_REQUEST
        const { status, headers, body } = await ask(agent, `${url}/api/events/batch`, batchOf('load', from))
        const answer = status === 201 ? '201' : `${status}, ${headers['retry-after'] ? 'again' : 'never'}`
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
        if (status !== 201) continue
        const { messageIds } = JSON.parse(body) as { messageIds: string[] }
        messageIds.forEach((id, index) => accepted.set(id, from + index))
      }
    }
    const watch = async () => {
      while (performance.now() < end) {
        const since = performance.now()
        expect((await ask(watcher, `${url}/health/live`)).status).toBe(200)
        healthMs.push(performance.now() - since)
      }
    }
    await Promise.all([watch(), ...Array.from({ length: CONNECTIONS }, client)])
    agent.destroy()
    watcher.destroy()

    healthMs.sort((a, b) => a - b)
    const peak = peakMemory(service.child.pid!)
    const figures = {
      accepted: accepted.size,
      answers: Object.fromEntries(answers),
      peakMiB: Math.round(peak / MEBIBYTE),
    }
    const p99 = Math.round(healthMs[Math.floor(healthMs.length * 0.99)]!)
    console.log({ ...figures, health: { count: healthMs.length, p99, max: Math.round(healthMs.at(-1)!) } })
    expect([...answers.keys()].filter((answer) => answer !== '201' && answer !== '503, again')).toEqual([])
    expect(accepted.size).toBeGreaterThan(0)
    expect(answers.get('503, again')).toBeGreaterThan(0)
    expect(peak).toBeLessThan(2 * MEMORY_LIMIT)
    expect(service.child.exitCode).toBeNull()
    expect(await written()).toEqual(accepted)
  })
})

/** The number of each event, by its position. */
async function written(): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (let from = '-'; ;) {
    const page = await admin.send<[string, string[]][]>(['XRANGE', 'load', from, '+', 'COUNT', '500'])
    for (const [position, fields] of page) {
      const { n } = JSON.parse(fields[fields.indexOf('data') + 1]!) as { n: number }
      found.set(position, n)
    }
    const last = page.at(-1)
    if (!last) return found
    from = `(${last[0]}`
  }
}
