import type { Claim } from '../../src/core/stream-log.ts'
import { passSecond } from './clock.ts'
import { isExclusive, type Known, type Member } from './known.ts'
import { isRefusal, refusal, type Pair, type Refusal } from './pair.ts'
import type { Side } from './side.ts'

export type Claimer = Pick<Member, 'name' | 'group' | 'held'>

/**
 * A claim may answer fewer entries than there are, or none, where it looks elsewhere first or heals the group; what is
 * there comes with the next ones. So many in a row may do so.
 */
const PATIENCE = 5

const forEver = new AbortController().signal

/**
 * Claims on both sides, and answers how much came. Which entries come first is free, where retries, abandoned, copied
 * and new ones wait at once. So whoever is behind claims on until both have the same; that must happen, at the latest
 * when there is nothing left.
 */
export async function claimBoth(
  pair: Pair,
  known: Known,
  member: Claimer,
  limit: number,
): Promise<number | Refusal> {
  const memory = new Haul(pair, pair.memory, member, known.trimmed)
  const redis = new Haul(pair, pair.redis, member, known.trimmed)
  const first = [await memory.claim(limit).catch(refusal), await redis.claim(limit).catch(refusal)] as const
  if (first.some(isRefusal)) return pair.agree<number | Refusal>(`${member.name} claims`, first)
  for (let empty = 0; empty < PATIENCE && memory.lacks(redis) + redis.lacks(memory) > 0;) {
    const [haul, other] = redis.lacks(memory) > 0 ? [redis, memory] : [memory, redis]
    empty = (await haul.claim(haul.lacks(other))) === 0 ? empty + 1 : 0
  }
  const claims = pair.agree(`${member.name} claims ${limit}`, [memory.inOrder, redis.inOrder])
  pair.agree('tombstones', [memory.tombstones, redis.tombstones])
  await pair.sure('may run', async (side) => side.consumer(member.name).mayRun)
  known.claimed(claims.length)
  return claims.length
}

/** What one side handed out in the course of one claim, and how many tombstones there are then: claims write them. */
class Haul {
  tombstones = 0
  readonly #claims = new Map<string, object>()
  readonly #pair: Pair
  readonly #side: Side
  readonly #member: Claimer
  readonly #mayBury: boolean
  #recovered = 0
  #hasNew = false

  constructor(pair: Pair, side: Side, member: Claimer, mayBury: boolean) {
    this.#pair = pair
    this.#side = side
    this.#member = member
    this.#mayBury = mayBury
  }

  get inOrder(): [key: string, claim: object][] {
    return [...this.#claims].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** How much of what the other has is missing. */
  lacks(other: Haul): number {
    const missing = [...other.#claims.keys()].filter((key) => !this.#claims.has(key))
    return missing.length + Math.max(0, other.tombstones - this.tombstones)
  }

  async claim(limit: number): Promise<number> {
    passSecond()
    const claims = await this.#side.consumer(this.#member.name).claim(limit, 0, forEver)
    this.#must(claims.length <= limit, `no more than ${limit} entries`)
    for (const claim of claims) this.#add(claim)
    if (this.#mayBury) this.tombstones = await countTombstones(this.#pair, this.#side)
    return claims.length
  }

  #add(claim: Claim): void {
    const { name, group, held } = this.#member
    const { origin, attempt, copyOf, fields } = claim
    const label = this.#side.labelFor(group, claim.position)
    const key = origin === 'parked' ? `${label} parked` : label
    this.#must(!this.#claims.has(key), `${label} only once`)
    if (isExclusive(group)) this.#checkOrder(label, claim)
    this.#claims.set(key, { attempt, origin, fields: [...fields], copyOf })
    if (origin === 'parked') return
    this.#side.member(name).claims.set(label, claim)
    held.set(label, attempt)
  }

  /** A successor learns of all that is pending, in the order of positions, before it gets what is new. */
  #checkOrder(label: string, { origin }: Claim): void {
    if (origin === 'new') this.#hasNew = true
    if (origin === 'new' || origin === 'retry') return
    this.#must(!this.#hasNew, `${label}, which was pending, before what is new`)
    if (!label.startsWith('#')) return
    const number = Number(label.slice(1))
    this.#must(number > this.#recovered, `${label} in the order of positions`)
    this.#recovered = number
  }

  #must(holds: boolean, what: string): void {
    if (!holds) this.#pair.disagree(`${this.#side.name} must hand out ${what}`)
  }
}

/** Dead letters that have nothing but why they are there. */
async function countTombstones({ stream }: Pair, side: Side): Promise<number> {
  const letters = await side.entries(side.log.deadLetterStream(stream))
  return letters.filter(({ fields }) => fields[0] === 'deadletter-stream').length
}
