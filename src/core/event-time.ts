/** RFC 3339, with the seconds and the zone left out where somebody does that. */
const DATE_TIME = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?)?$/

/** From milliseconds or RFC 3339, UTC where no zone is named; what is neither stays as it is. */
export function toIsoTime(text: string): string {
  if (/^\d{1,16}$/.test(text)) return isoTime(Number(text))
  const match = DATE_TIME.exec(text)
  if (!match) return text
  const zoned = match[1] || !text.includes(':') ? text : `${text}Z`
  return isoTime(zoned.replace(' ', 'T').toUpperCase())
}

/** The entries of a busy stream share their milliseconds, and a date takes as long as the rest of an event. */
let [lastTime, lastText] = [Number.NaN, '']

export function entryTime(time: number): string {
  if (time !== lastTime) [lastTime, lastText] = [time, isoTime(time)]
  return lastText
}

function isoTime(time: number | string): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString()
}
