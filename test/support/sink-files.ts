import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { HEADER_LENGTH, memberSize } from '../../src/connectors/sinks/file/gzip-member.ts'
import { parseSegmentName } from '../../src/connectors/sinks/file/names.ts'

export interface Line {
  id: string
  source: string
  data: unknown
  millraceentry?: string
}

interface Found {
  path: string
  /** How many of its bytes count, by whoever knows. */
  limit(path: string): number
}

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
export function linesBelow(directory: string, limit: Found['limit'] = () => Infinity): Line[] {
  return filesBelow(directory).flatMap((path) => linesOf({ path, limit }))
}

function linesOf({ path, limit }: Found): Line[] {
  const name = parseSegmentName(path.slice(path.lastIndexOf('/') + 1))
  const content = contentOf(path)
  const bytes = content.subarray(0, Math.min(limit(path), name?.bytes ?? Infinity))
  const text = name?.isGzip ? unpack(bytes) : bytes.toString()
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/** It may get another name at any time. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
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
