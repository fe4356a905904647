const QUOTE = 0x22
const BACKSLASH = 0x5c
const isOpening = (unit: number): boolean => unit === 0x5b || unit === 0x7b
const isClosing = (unit: number): boolean => unit === 0x5d || unit === 0x7d

/**
 * Whether arrays and objects stand in each other more than `levels` deep. Looks at the text, in one pass, so that
 * depth is refused before anything is built from it: what parses can still be too deep to write down again.
 */
export function isDeeperThan(levels: number, json: string): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < json.length; index++) {
    const unit = json.charCodeAt(index)
    if (inString) {
      if (unit === BACKSLASH) index++
      else if (unit === QUOTE) inString = false
    } else if (unit === QUOTE) inString = true
    else if (isOpening(unit) && ++depth > levels) return true
    else if (isClosing(unit)) depth--
  }
  return false
}
