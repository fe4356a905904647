/** CRC16 (XMODEM), by which Redis Cluster places keys. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

/** The part of a key between its first `{` and the next `}`, when there is anything between them. */
function hashTag(key: string): string | undefined {
  const open = key.indexOf('{')
  const close = open < 0 ? -1 : key.indexOf('}', open + 1)
  return close > open + 1 ? key.slice(open + 1, close) : undefined
}

const encoder = new TextEncoder()

/** The cluster slot (0 to 16383) in which Redis keeps a key. */
export const slotOf = (key: string): number => crc16(encoder.encode(hashTag(key) ?? key)) % 16_384

const computedTags = new Map<number, string>()

/** A short tag that lives in `slot`; about 16,000 tries the first time, then remembered. */
function tagFor(slot: number): string {
  const known = computedTags.get(slot)
  if (known !== undefined) return known
  for (let candidate = 0; ; candidate++) {
    const tag = candidate.toString(36)
    if (crc16(encoder.encode(tag)) % 16_384 !== slot) continue
    computedTags.set(slot, tag)
    return tag
  }
}

/**
 * What a key must begin with to live in the slot of `key`. Three shapes, told apart by their ends (`::`, `}:`, `~:`),
 * so that the companions of `orders` and of `{orders}` are different keys:
 * a name with a hash tag stands as it is, one without `}` becomes the tag, and any other gets a tag of its slot.
 */
export function slotPrefix(key: string): string {
  if (hashTag(key) !== undefined) return `${key}::`
  if (!key.includes('}')) return `{${key}}:`
  return `{${tagFor(slotOf(key))}}${key}~:`
}
