import stringWidth from 'string-width'

// oxlint-disable-next-line no-control-regex -- a terminal must not obey what somebody wrote into a stream
const DISOBEYED = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** On one line, and without what would move the cursor, change colours or turn the direction of the text. */
export const harmless = (text: string): string => text.replace(DISOBEYED, '?')

/** How many columns of a terminal it takes; colours take none. */
export const widthOf = (text: string): number => stringWidth(text)

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** As much of it as fits, with an ellipsis for the rest. The text has no colours in it. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    used += widthOf(segment)
    if (used > width - 1) break
    kept += segment
  }
  return width < 1 ? '' : `${kept}…`
}

export const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)))

export const padStart = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - widthOf(text))) + text
