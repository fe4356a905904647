import type { Claim, Consumer, Membership, Outcome, StreamLog } from '../../core/stream-log.ts'
import { wrapLog } from '../../core/wrap-log.ts'

type IsThere = (number: number) => Promise<boolean>

/** The same log; what is acknowledged while the sink has not got it is added to `early`, by its number. */
export const watchAcknowledgements = (log: StreamLog, early: number[], isThere: IsThere): StreamLog =>
  wrapLog(log, {
    join: async (membership: Membership) => watched(await log.join(membership), early, isThere),
  })

function watched(consumer: Consumer, early: number[], isThere: IsThere): Consumer {
  const numbers = new Map<string, number>()
  const claim = async (limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> => {
    const claims = await consumer.claim(limit, waitMs, signal)
    for (const { position, fields } of claims) numbers.set(position, numberOf(fields))
    return claims
  }
  /** Before it is passed on: afterwards nobody would bring again what is missing. */
  const settle = async (outcomes: readonly Outcome[]): Promise<string[]> => {
    for (const { kind, position } of outcomes) {
      const number = kind === 'acknowledge' ? numbers.get(position) : undefined
      if (number !== undefined && !(await isThere(number))) early.push(number)
    }
    return consumer.settle(outcomes)
  }
  return new Proxy(consumer, {
    get(target, name) {
      if (name === 'claim') return claim
      if (name === 'settle') return settle
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function numberOf(fields: readonly string[]): number {
  const data = fields[fields.indexOf('data') + 1] ?? '{}'
  return (JSON.parse(data) as { number: number }).number
}
