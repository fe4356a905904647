import { InvalidArgumentError } from 'commander'
import type { Thresholds } from '../../load/thresholds.ts'

/** Such as `100` or `100/s`; part of one is none. */
export function parseRate(text: string): number {
  const [, number] = /^(\d{1,9}(?:\.\d+)?)(?:\/s)?$/.exec(text) ?? []
  if (number !== undefined && Number(number) > 0) return Number(number)
  throw new InvalidArgumentError('It is how many a second, such as 100 or 100/s.')
}

/** Such as `0` for a count, or `1%` for a share. */
export function parseErrors(text: string): NonNullable<Thresholds['maxErrors']> {
  const [, number, percent] = /^(\d{1,15}(?:\.\d+)?)(%)?$/.exec(text) ?? []
  if (percent && Number(number) <= 100) return { share: Number(number) / 100 }
  if (number !== undefined && !percent && !number.includes('.')) return { count: Number(number) }
  throw new InvalidArgumentError('It is a count such as 0, or a share such as 1%.')
}

/** Such as `200,201`. */
export function parseStatuses(text: string): number[] {
  const statuses = text.split(',').map((status) => status.trim())
  if (statuses.every((status) => /^[1-5]\d\d$/.test(status))) return statuses.map(Number)
  throw new InvalidArgumentError('It is one status or several, such as 200,201.')
}

/** One more header, such as `accept: text/plain`. */
export function parseHeader(text: string, before: readonly [string, string][] = []): [string, string][] {
  const [, name, value] = /^([^:\s]+)\s*:\s*(.*?)\s*$/s.exec(text) ?? []
  if (name === undefined)
    throw new InvalidArgumentError('It is a name and a value, such as "accept: text/plain".')
  return [...before, [name, value!]]
}
