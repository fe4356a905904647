import { CORRELATION_ID } from './correlation.ts'

/** In which request and trace something was published, not what: a second try of the same has its own. */
const CIRCUMSTANCES: ReadonlySet<string> = new Set([CORRELATION_ID, 'traceparent', 'tracestate'])

/** The fields by which an entry is the same as another that is published under the same idempotency key. */
export function contentOf(fields: readonly string[]): readonly string[] {
  if (!fields.some((name, index) => index % 2 === 0 && CIRCUMSTANCES.has(name))) return fields
  const isContent = (index: number) => !CIRCUMSTANCES.has(fields[index - (index % 2)]!)
  return fields.filter((_, index) => isContent(index))
}
