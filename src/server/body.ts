import { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import { toError } from '../core/errors.ts'
import { parseStrictJson } from '../core/strict-json.ts'
import { HttpError } from './http-error.ts'
import type { ServerEnv } from './server-env.ts'

const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*(?:utf-8|"utf-8")\s*)?;?\s*$/i

export interface JsonLimits {
  /** As they come over the wire, whatever the headers say. */
  bytes: number
  /** How deep arrays and objects may stand in each other. */
  depth: number
}

/**
 * The JSON in the body of a request.
 *
 * @throws HttpError for another media type, a body that is too large, and what is no JSON or too deep
 */
export async function readJson(c: Context<ServerEnv>, { bytes, depth }: JsonLimits): Promise<unknown> {
  checkType(c.req.raw.headers)
  return parseBody(await readText(c, bytes), depth)
}

/** @throws HttpError for what is no JSON, or too deep */
export function parseBody(text: string, depth: number): unknown {
  if (text.trim() === '') throw new HttpError('BODY_INVALID', 'the body is empty; send JSON')
  try {
    return parseStrictJson(text, depth, 'the body')
  } catch (error) {
    throw new HttpError('BODY_INVALID', toError(error).message)
  }
}

/**
 * The body of a request, whatever it is.
 *
 * @throws HttpError for a body that is too large, is compressed, or is no UTF-8
 */
export async function readText(c: Context<ServerEnv>, limitBytes: number): Promise<string> {
  checkCoding(c.req.raw.headers)
  return decode(await readBytes(c, limitBytes))
}

/** Of a body that is none of what a route takes. */
export function wrongType(type: string | null, wanted: string, accept: string): HttpError {
  const found = type === null ? 'the body has no Content-Type' : `the body is of type "${type.slice(0, 100)}"`
  return new HttpError('MEDIA_TYPE_UNSUPPORTED', `${found}; send ${wanted}`, { headers: { accept } })
}

/** Strict also because no web page can send this type to another site without asking first, which we never allow. */
function checkType(headers: Headers): void {
  const type = headers.get('content-type')
  if (type === null || !JSON_TYPE.test(type))
    throw wrongType(type, 'application/json in UTF-8', 'application/json')
}

function checkCoding(headers: Headers): void {
  const coding = headers.get('content-encoding')
  if (coding !== null && coding.toLowerCase() !== 'identity') {
    throw new HttpError('MEDIA_TYPE_UNSUPPORTED', 'compressed bodies are not accepted; send it as it is', {
      headers: { 'accept-encoding': 'identity' },
    })
  }
}

/** Strict: replacing what is no UTF-8 would publish something else than what was sent. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new HttpError('BODY_INVALID', 'the body is not valid UTF-8')
  }
}

async function readBytes(c: Context<ServerEnv>, limitBytes: number): Promise<Uint8Array> {
  const request = c.req.raw
  const declared = request.headers.get('content-length')
  const length = declared !== null && /^\d+$/.test(declared) ? Number(declared) : undefined
  if (length !== undefined && length > limitBytes) throw tooLarge(limitBytes)
  try {
    // HTTP holds a body to its declared length, so that reading it whole is safe, and quicker.
    return length === undefined ? await readCounted(request, limitBytes) : await readWhole(c)
  } catch (error) {
    if (error instanceof HttpError) throw error
    throw new HttpError('BODY_INVALID', 'the body ended early')
  }
}

/** From the socket where there is one: on the way through the Request all bytes are copied once more. */
async function readWhole({ env, req }: Context<ServerEnv>): Promise<Uint8Array> {
  const incoming = env?.incoming
  if (!(incoming instanceof IncomingMessage)) return new Uint8Array(await req.raw.arrayBuffer())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => void chunks.push(chunk))
    incoming.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    incoming.once('error', reject)
    // After the end, as always, it is too late to reject anything.
    incoming.once('close', () => reject(new Error('the connection was closed')))
  })
}

async function readCounted(request: Request, limitBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength
    // Leaving the loop cancels the stream: no more is read.
    if (length > limitBytes) throw tooLarge(limitBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

const tooLarge = (limitBytes: number) =>
  new HttpError('BODY_TOO_LARGE', `the body is larger than ${limitBytes} bytes; send less at once`)
