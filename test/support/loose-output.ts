import { expect } from 'vitest'

/** What differs from run to run, each with what stands for it. The order counts. */
const CHANGING: readonly [RegExp, string][] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g, '<time>'],
  [/\b\d\d:\d\d:\d\d UTC/g, '<time>'],
  [/\b\d{13}-\d+\b/g, '<position>'],
  [/\b\d{16}\b/g, '<job>'],
  [/\b127\.0\.0\.1:\d+/g, '<address>'],
  [/\b\d+\/s\b/g, '<rate>'],
  [/[ \t]+/g, ' '],
]

const loose = (text: string): string =>
  CHANGING.reduce((now, [what, by]) => now.replace(what, by), text.trim())

/** Compares what came with what a document shows, times and places aside; `…` in the latter is anything. */
export function expectOutput(came: string, shown: string): void {
  if (!shown.includes('…')) return expect(loose(came)).toBe(loose(shown))
  const parts = loose(shown)
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  expect(loose(came)).toMatch(new RegExp(`^${parts.join('[^]*')}$`))
}
