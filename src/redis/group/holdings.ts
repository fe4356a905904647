/** What a consumer knows that it holds. The server decides what is really its own. */
export class Holdings {
  /** Position → attempt. */
  readonly #held = new Map<string, number>()
  /** On their way out: ours no more if the call succeeds, still ours if it fails. */
  readonly #leaving = new Set<readonly { position: string }[]>()
  /** Changes when everything is lost at once. */
  #life = 0

  get size(): number {
    return this.#held.size
  }

  positions(): string[] {
    return [...this.#held.keys()]
  }

  /** Position and attempt of each. */
  entries(): [position: string, attempt: number][] {
    return [...this.#held]
  }

  has(position: string): boolean {
    return this.#held.has(position)
  }

  hold(claims: readonly { position: string; attempt: number }[]): void {
    for (const { position, attempt } of claims) this.#held.set(position, attempt)
  }

  /** Neither held nor on its way out. */
  unknown(positions: readonly string[]): string[] {
    const leaving = new Set([...this.#leaving].flat().map(({ position }) => position))
    return positions.filter((position) => !this.#held.has(position) && !leaving.has(position))
  }

  forget(positions: readonly string[]): void {
    for (const position of positions) this.#held.delete(position)
  }

  /** Forgets everything, and answers what that was. */
  loseAll(): string[] {
    const positions = this.positions()
    this.#held.clear()
    this.#life++
    return positions
  }

  /**
   * Lets go before the call and not after it: what is parked may be claimed again before we hear that it was parked.
   * What the call could not settle is held as before.
   */
  async letGo<T>(items: readonly { position: string }[], call: () => Promise<T>): Promise<T> {
    const life = this.#life
    const attempts = items.map(({ position }) => this.#take(position))
    this.#leaving.add(items)
    try {
      return await call()
    } catch (error) {
      if (life === this.#life)
        items.forEach(({ position }, index) => this.#holdAgain(position, attempts[index]))
      throw error
    } finally {
      this.#leaving.delete(items)
    }
  }

  #take(position: string): number | undefined {
    const attempt = this.#held.get(position)
    this.#held.delete(position)
    return attempt
  }

  #holdAgain(position: string, attempt: number | undefined): void {
    if (attempt !== undefined && !this.#held.has(position)) this.#held.set(position, attempt)
  }
}
