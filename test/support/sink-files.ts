import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { HEADER_LENGTH, memberSize } from '../../src/connectors/sinks/file/gzip-member.ts'
import { parseSegmentName } from '../../src/connectors/sinks/file/names.ts'

export interface Line {
  id: string
  source: string
  data: unknown
  millraceentry?: string
}

/** How many bytes of a file count, by whoever knows. */
type Limit = (path: string) => number

/** Every file below a directory, temporary ones aside. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('.temporary'))
    .map((name) => join(directory, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .toSorted(byNumbers)
}

/** Names begin with positions or times. */
const byNumbers = new Intl.Collator('en', { numeric: true }).compare

/** The whole lines of all files of a directory; of each as many bytes as `limit` says. */
export function linesBelow(directory: string, limit: Limit = () => Infinity): Line[] {
  for (;;) {
    const files = filesBelow(directory).map((path) => linesOf(path, limit))
    // One got another name meanwhile, under which it was not listed.
    if (files.every((lines) => lines !== undefined)) return files.flat()
  }
}

function linesOf(path: string, limit: Limit): Line[] | undefined {
  const name = parseSegmentName(basename(path))
  const end = Math.min(limit(path), name?.bytes ?? Infinity)
  const content = contentOf(path)
  if (!content) return undefined
  const bytes = content.subarray(0, end)
  const text = name?.isGzip ? unpack(bytes) : bytes.toString()
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function unpack(bytes: Buffer): string {
  let end = 0
  for (;;) {
    const size = memberSize(bytes.subarray(end, end + HEADER_LENGTH))
    if (size === undefined || end + size > bytes.length) break
    end += size
  }
  return end === 0 ? '' : gunzipSync(bytes.subarray(0, end)).toString()
}
