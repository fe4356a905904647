import type { Reservation, Verdict } from '../core/stream-log.ts'

interface Seen {
  /** Undefined once the entry was acknowledged. */
  position: string | undefined
  expires: number
}

/** Which entry of each identity may run, and which identities are done. */
export class MemoryReservations {
  readonly #seen = new Map<string, Seen>()

  /** @param isPending of an entry that is not, a reservation binds nobody */
  reserve({ position, identity }: Reservation, ttlMs: number, isPending: (p: string) => boolean): Verdict {
    const seen = this.#find(identity)
    if (seen && seen.position === undefined) return 'duplicate'
    if (seen?.position !== undefined && seen.position !== position && isPending(seen.position)) return 'wait'
    this.#seen.set(identity, { position, expires: Date.now() + ttlMs })
    return 'run'
  }

  done({ position, identity }: Reservation): void {
    const seen = this.#find(identity)
    if (seen?.position === position) seen.position = undefined
  }

  free({ position, identity }: Reservation): void {
    if (this.#find(identity)?.position === position) this.#seen.delete(identity)
  }

  #find(identity: string): Seen | undefined {
    const seen = this.#seen.get(identity)
    if (!seen || seen.expires > Date.now()) return seen
    this.#seen.delete(identity)
    return undefined
  }
}
