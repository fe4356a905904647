import { pause } from '../core/pause.ts'
import type { CursorLease, Cursors } from '../core/source.ts'
import { uniqueName } from '../core/unique-name.ts'
import type { Connection, Sender } from './connection.ts'
import { cursorsKey, sourceLeaseKey } from './keys.ts'
import { Lease } from './lease.ts'
import { Script } from './script.ts'

/** How long a reader may not be heard of before another one takes its place, in ms. */
const LEASE_MS = 10_000

/** KEYS: lease, cursors. ARGV: reader, pipeline, cursor. Answers 1 where the reader has the lease. */
const saveScript = new Script<0 | 1>(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
`)

/** The cursors of the sources of a service, a field of one hash each, and beside it a lease for who reads one. */
export class RedisCursors implements Cursors {
  readonly #connection: Connection
  readonly #patient: Sender
  readonly #service: string
  readonly #leaseMs: number
  /** Pipeline → who of us had its lease and could not give it back: nobody has to wait for that to end. */
  readonly #unreleased = new Map<string, string>()
  /** Pipeline → the name of who may have taken its lease without hearing of it. It was never handed out, so it can be used. */
  readonly #unheard = new Map<string, string>()

  /**
   * @param service by its name: services that share a Redis have pipelines, and so cursors, of their own
   * @param patient waits for the connection while that is being made anew, which a lease must not
   */
  constructor(connection: Connection, patient: Sender, service: string, leaseMs = LEASE_MS) {
    this.#connection = connection
    this.#patient = patient
    this.#service = service
    this.#leaseMs = leaseMs
  }

  async acquire(
    pipeline: string,
    onBusy: (reader: string) => void,
    signal: AbortSignal,
  ): Promise<CursorLease> {
    // Each has a name of its own: one that was left behind is another one, whose saving and releasing is none of ours.
    const reader = this.#unheard.get(pipeline) ?? uniqueName()
    this.#unheard.delete(pipeline)
    const lost = new AbortController()
    const lease = new Lease(this.#connection, {
      key: sourceLeaseKey(this.#service, pipeline),
      consumer: reader,
      lastsMs: this.#leaseMs,
      predecessor: this.#unreleased.get(pipeline),
      onTaken: () => this.#unreleased.delete(pipeline),
      onLost: () => lost.abort(),
    })
    let cursor: string | undefined
    try {
      await this.#turn(lease, onBusy, signal)
      cursor = await this.#load(pipeline)
    } catch (error) {
      this.#unheard.set(pipeline, reader)
      throw error
    }
    const renewing = keep(lease, lost.signal, this.#leaseMs / 4)
    return {
      cursor,
      lost: lost.signal,
      save: async (next) => {
        const isOurs = !lost.signal.aborted && (await this.#save(pipeline, reader, next))
        if (!isOurs) lease.lose()
        return isOurs
      },
      release: async () => {
        lost.abort()
        await renewing
        await lease.release().catch((error: unknown) => {
          this.#unreleased.set(pipeline, reader)
          throw error
        })
      },
    }
  }

  async #turn(lease: Lease, onBusy: (reader: string) => void, signal: AbortSignal): Promise<void> {
    while (!(await lease.ensure())) {
      signal.throwIfAborted()
      if (lease.holder !== '') onBusy(lease.holder)
      await pause(lease.restMs, signal)
      signal.throwIfAborted()
    }
  }

  async #load(pipeline: string): Promise<string | undefined> {
    const cursor = await this.#patient.send<string | null>(['HGET', cursorsKey(this.#service), pipeline])
    return cursor ?? undefined
  }

  async #save(pipeline: string, reader: string, cursor: string): Promise<boolean> {
    const keys = [sourceLeaseKey(this.#service, pipeline), cursorsKey(this.#service)]
    return (await saveScript.run(this.#patient, keys, [reader, pipeline, cursor])) === 1
  }
}

/** Renews a lease for as long as it is ours. While Redis does not answer, it ends by our clock. */
async function keep(lease: Lease, lost: AbortSignal, everyMs: number): Promise<void> {
  while (lease.term !== undefined && !lost.aborted) {
    await pause(everyMs, lost)
    if (lost.aborted) return
    await Promise.race([lease.renew().catch(() => {}), pause(everyMs, lost)])
  }
}
