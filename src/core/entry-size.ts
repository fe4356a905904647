/** A reply that carries entries should not be larger than this, in the units of {@link sizeOf}. */
export const MAX_REPLY_SIZE = 16_000_000

/**
 * How large an entry is. Rough on purpose: UTF-16 units, which for text of any script is within a factor of three of
 * its bytes.
 */
export function sizeOf(fields: readonly string[]): number {
  let size = 0
  for (const part of fields) size += part.length
  return size
}
