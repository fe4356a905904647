import { styleText } from 'node:util'
import type { Io } from '../io.ts'

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan' | 'inverse'

export type Paint = (style: Style | undefined, text: string) => string

export const plain: Paint = (_, text) => text

const coloured: Paint = (style, text) =>
  style === undefined ? text : styleText(style, text, { validateStream: false })

/** Colours what is printed on a terminal, unless NO_COLOR asks not to; elsewhere it stays as it is. */
export function painter({ stdout, env }: Io): Paint {
  const wanted = stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  return wanted ? coloured : plain
}
