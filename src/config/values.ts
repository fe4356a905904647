import { isIP } from 'node:net'
import { z } from 'zod'
import { LONGEST_TIMER_MS } from '../core/require-counts.ts'

/**
 * How the text of a variable becomes a value. What a schema accepts stands in its description: that is what a mistake
 * tells the operator, so it is a phrase that completes "wanted: …".
 */
export type ValueSchema<T> = z.ZodType<T, string>

export const text = z.string().trim().min(1).max(1024).describe('a text of at most 1024 characters')

/** As it stands: spaces may be part of a password. */
export const secretText = z.string().min(1).max(1024).describe('a text of at most 1024 characters')

/** Several lines, as a key in PEM has. */
export const secretBlock = z.string().trim().min(1).max(16_384).describe('a text of at most 16384 characters')

/** Separated by commas or lines, so that a file can hold one a line. */
export const secretList = z
  .string()
  .max(1_048_576)
  .transform((list) => list.split(/[,\n]/).map((part) => part.trim()))
  .transform((parts) => parts.filter((part) => part !== '' && !part.startsWith('#')))
  .pipe(z.array(z.string()).min(1))
  .describe('a list with commas or line breaks between its items')

export const timeZone = text
  .refine((name) => isTimeZone(name))
  .describe('a time zone of the IANA database, such as Europe/Berlin')

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

export const wholeNumber = (min: number, max: number, unit = '') =>
  z
    .string()
    .trim()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .describe(`a whole number${unit && ` of ${unit}`} from ${min} to ${max}`)

export const milliseconds = (min = 1) => wholeNumber(min, LONGEST_TIMER_MS, 'milliseconds')

export const bytes = wholeNumber(1024, 512 * 1024 * 1024, 'bytes')

/** Kubernetes sets `REDIS_PORT=tcp://10.0.0.1:6379` by itself where a service is called "redis": the port is in there. */
export const remotePort = z
  .string()
  .trim()
  .transform((text) => text.replace(/^tcp:\/\/.*:(?=\d+$)/, ''))
  .pipe(wholeNumber(1, 65535))
  .describe('a port from 1 to 65535')

export const ownPort = wholeNumber(0, 65535).describe('a port from 1 to 65535, or 0 for any that is free')

const SWITCH: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
}

export const onOrOff = z
  .string()
  .trim()
  .toLowerCase()
  .refine((word) => Object.hasOwn(SWITCH, word))
  .transform((word) => SWITCH[word] === true)
  .describe('true or false')

export const oneOf = <const W extends readonly [string, ...string[]]>(words: W) =>
  z
    .string()
    .trim()
    .toLowerCase()
    .pipe(z.enum(words))
    .describe(`one of ${words.join(', ')}`)

/** Comma-separated, without empty items. */
export const listOf = <T>(item: ValueSchema<T>) =>
  z
    .string()
    .transform((list) =>
      list
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1))
    .describe(`${item.description}; several with commas between them`)

/** `host:port`, or `[ipv6]:port`. */
export const nodeAddress = z
  .string()
  .regex(/^([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/)
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535)
  .describe('host:port')

/** An address, or a network as an address and the length of its prefix. */
export const network = z
  .string()
  .refine((text) => {
    const [address = '', prefix, ...rest] = text.split('/')
    const version = isIP(address)
    if (version === 0 || rest.length > 0) return false
    return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
  })
  .describe('an IP address, or a network such as 10.0.0.0/8')

export const urlOf = (protocols: readonly string[], example: string) =>
  z
    .string()
    .trim()
    .refine((text) => isUrl(text, protocols))
    .describe(`a URL such as ${example}`)

function isUrl(text: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocols.includes(protocol) && hostname !== ''
}
