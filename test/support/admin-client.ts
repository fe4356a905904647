import type { RunningService } from './running-service.ts'

export interface AdminAnswer {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- what an answer holds is what the test is about
  body: any
}

/** Asks the admin API of a service; names in the path are encoded by `at`. */
export class AdminClient {
  readonly #running: RunningService
  readonly #headers: Record<string, string>

  constructor(running: RunningService, key?: string) {
    this.#running = running
    this.#headers = key === undefined ? {} : { 'x-api-key': key }
  }

  get(path: string): Promise<AdminAnswer> {
    return this.ask('GET', path)
  }

  post(path: string, body?: object): Promise<AdminAnswer> {
    return this.ask('POST', path, body)
  }

  put(path: string, body?: object): Promise<AdminAnswer> {
    return this.ask('PUT', path, body)
  }

  patch(path: string, body?: object): Promise<AdminAnswer> {
    return this.ask('PATCH', path, body)
  }

  delete(path: string, body?: object): Promise<AdminAnswer> {
    return this.ask('DELETE', path, body)
  }

  async ask(method: string, path: string, body?: object): Promise<AdminAnswer> {
    const response = await this.fetch(path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    return { status: response.status, body: await response.json() }
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...this.#headers, ...(init.headers as Record<string, string>) }
    return fetch(`${this.#running.service.url}/api/admin${path}`, { ...init, headers })
  }

  /** The events of a streaming route, as they come; leaving the loop hangs up. */
  async *events(path: string, headers: Record<string, string> = {}): AsyncGenerator<ServerEvent> {
    const hangUp = new AbortController()
    const response = await this.fetch(path, { headers, signal: hangUp.signal })
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    const decoder = new TextDecoder()
    let text = ''
    try {
      for await (const chunk of response.body!) {
        text += decoder.decode(chunk as Uint8Array, { stream: true })
        const blocks = text.split('\n\n')
        text = blocks.pop()!
        for (const block of blocks) {
          const event = eventOf(block)
          if (event) yield event
        }
      }
    } finally {
      hangUp.abort()
    }
  }
}

export interface ServerEvent {
  event: string
  id: string | undefined
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  data: any
}

/** Undefined for comments and what is for the browser alone. */
function eventOf(block: string): ServerEvent | undefined {
  const line = (name: string) =>
    block
      .split('\n')
      .find((one) => one.startsWith(`${name}: `))
      ?.slice(name.length + 2)
  const event = line('event')
  return event === undefined ? undefined : { event, id: line('id'), data: JSON.parse(line('data') ?? 'null') }
}

/** A path with names in it, each encoded. */
export const at = (parts: TemplateStringsArray, ...names: readonly string[]): string =>
  parts
    .map((part, index) => part + (names[index] === undefined ? '' : encodeURIComponent(names[index])))
    .join('')
