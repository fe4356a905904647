/** Events whose positions are remembered for whoever asks after they were published. */
const MAX_REMEMBERED = 10_000
/** PostgreSQL takes less than 8000 bytes in one notification. */
const MAX_TELLING_BYTES = 7_500

export interface PublishedEvent {
  readonly eventId: string
  readonly position: string
}

/** Where the events of the outbox stand in their streams, for those who wait for one. */
export class PublishedPositions {
  readonly #recent = new Map<string, string>()
  readonly #waiting = new Map<string, Set<(position: string) => void>>()

  learn(events: readonly PublishedEvent[]): void {
    for (const { eventId, position } of events) {
      this.#recent.set(eventId, position)
      for (const tell of this.#waiting.get(eventId) ?? []) tell(position)
    }
    for (const [oldest] of this.#recent) {
      if (this.#recent.size <= MAX_REMEMBERED) break
      this.#recent.delete(oldest)
    }
  }

  /** The position as soon as it is known, or null when `timeoutMs` have passed. */
  await(eventId: string, timeoutMs: number): Promise<string | null> {
    const known = this.#recent.get(eventId)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve) => {
      const end = (position: string | null) => {
        clearTimeout(timer)
        waiting.delete(end)
        if (waiting.size === 0) this.#waiting.delete(eventId)
        resolve(position)
      }
      const timer = setTimeout(end, timeoutMs, null)
      const waiting = this.#waiting.get(eventId) ?? new Set()
      this.#waiting.set(eventId, waiting.add(end))
    })
  }
}

/** Texts of which each fits into one notification. */
export function tellings(events: readonly PublishedEvent[]): string[] {
  const texts: string[] = []
  let size = Infinity
  for (const { eventId, position } of events) {
    const pair = JSON.stringify([eventId, position])
    size += Buffer.byteLength(pair) + 1
    if (size <= MAX_TELLING_BYTES) texts[texts.length - 1] += `,${pair}`
    else {
      size = Buffer.byteLength(pair)
      texts.push(pair)
    }
  }
  return texts.map((text) => `[${text}]`)
}

export const readTelling = (text: string): PublishedEvent[] =>
  (JSON.parse(text) as [string, string][]).map(([eventId, position]) => ({ eventId, position }))
