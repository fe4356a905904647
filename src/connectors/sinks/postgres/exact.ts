import { compareNumber, parse, stringify, type NumberStringifier } from 'lossless-json'
import { SinkError } from '../../../core/connector-errors.ts'
import { isDeeperThan } from '../../../core/json-depth.ts'

/** Far from the end of the stack, here and in PostgreSQL. */
const MAX_DEPTH = 500

/**
 * A number of 16 digits, or with an exponent of three: what has fewer is the same number in JavaScript. Few texts have one,
 * and those in which a string only looks like it are parsed once more for nothing.
 */
const MAY_CHANGE = /(?:^|[:,[\s])-?(?:\d(?:\.?\d){15}|\d+(?:\.\d+)?e[+-]?\d{3})/i

/** Whether JavaScript may have made another number of one in this JSON. */
export const mayChangeNumbers = (json: string): boolean => MAY_CHANGE.test(json)

/** A number to the letter. It has no properties of its own, so no path leads into it. */
class WrittenNumber {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

const WRITTEN: NumberStringifier = { test: (value) => value instanceof WrittenNumber, stringify: String }

/**
 * As `JSON.parse`, but numbers that JavaScript would change are as they are written.
 *
 * @param json what `JSON.parse` has taken
 * @throws SinkError `SINK_REFUSED` for what is nested too deep: rounded numbers would be worse than none
 */
export function parseExactly(json: string): unknown {
  if (isDeeperThan(MAX_DEPTH, json))
    throw new SinkError(
      'SINK_REFUSED',
      `the data has long numbers and is nested deeper than ${MAX_DEPTH} levels; flatten it`,
    )
  return parse(json, undefined, { parseNumber, onDuplicateKey: ({ newValue }) => newValue })
}

/** Those that stay the same are those of other events too, by which rows of one key are told. */
function parseNumber(text: string): number | WrittenNumber {
  const number = Number(text)
  const isSame = Number.isFinite(number) && compareNumber(text, String(number)) === 0
  return isSame ? number : new WrittenNumber(text)
}

/** As `JSON.stringify` of what `parseExactly` answers, or of a part of it. */
export const toExactJson = (value: unknown): string => stringify(value, undefined, undefined, [WRITTEN])!
