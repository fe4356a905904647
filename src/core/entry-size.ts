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

/** How many entries to ask for next: as many as fit into a reply, if they are as large as these; twice as many at most. */
export function pageAfter(
  page: number,
  entries: readonly { readonly fields: readonly string[] }[],
  maxPage: number,
): number {
  let size = 0
  for (const { fields } of entries) size += sizeOf(fields)
  const fits = size === 0 ? 2 * page : Math.floor((MAX_REPLY_SIZE * entries.length) / size)
  return Math.max(1, Math.min(fits, 2 * page, maxPage))
}
