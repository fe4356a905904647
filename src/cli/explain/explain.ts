import type { GroupExplanation, Severity } from '../../core/explain.ts'
import type { JsonFlags, LivenessFlags } from '../flags.ts'
import { given } from '../given.ts'
import { print, printJson, type Io } from '../io.ts'
import { formatAge, formatCount, plural } from '../output/format.ts'
import { painter, type Paint, type Style } from '../output/style.ts'
import { harmless } from '../output/text.ts'
import { withOperations } from '../with-operations.ts'
import type { RedisFlags } from '../with-redis.ts'

export interface ExplainFlags extends RedisFlags, JsonFlags, LivenessFlags {
  all?: boolean
}

/** `millrace explain`: what is the matter with groups, and what to do about it. It changes nothing. */
export const explainCommand = (
  io: Io,
  stream: string | undefined,
  group: string | undefined,
  flags: ExplainFlags,
): Promise<void> =>
  withOperations(
    io,
    flags,
    async ({ operations }) => {
      const { signal } = io
      const asked = given({ stream, group, minIdleMs: flags.deadAfter })
      const explanations = await operations.explain.explain({ ...asked, signal })
      if (flags.json) return printJson(io, explanations)
      const shown = flags.all || group !== undefined ? explanations : explanations.filter(isAmiss)
      for (const one of shown) for (const line of blockOf(one, painter(io))) await print(io, line)
      const hidden = explanations.length - shown.length
      if (hidden > 0) await print(io, `${plural(hidden, 'group')} well (--all shows them)`)
      if (explanations.length === 0) await print(io, 'there are no groups')
    },
    { names: { stream, group } },
  )

const isAmiss = ({ severity }: GroupExplanation): boolean => severity !== 'ok'

const MARKS: Readonly<Record<Severity, readonly [text: string, style: Style]>> = {
  ok: ['ok', 'green'],
  warning: ['WARNING', 'yellow'],
  critical: ['CRITICAL', 'red'],
}

/** One group, with an empty line behind it. */
function blockOf(explanation: GroupExplanation, paint: Paint): string[] {
  const { stream, group, verdict, severity, summary, also, evidence, commands } = explanation
  const [mark, style] = MARKS[severity]
  const name = `${harmless(stream)} / ${harmless(group)}`
  const further = also.length === 0 ? [] : [`  also: ${also.join(', ')}`]
  const looked = Object.entries(evidence).map(([what, value]) => `${what} ${valueOf(what, value)}`)
  return [
    `${paint(style, mark)}  ${paint('bold', name)}  ${verdict}`,
    `  ${harmless(summary)}`,
    ...further,
    ...(looked.length === 0 ? [] : [paint('dim', `  evidence: ${harmless(looked.join(', '))}`)]),
    ...commands.map((command) => `  ${paint('cyan', `$ ${harmless(command)}`)}`),
    '',
  ]
}

/** Ages are told by names that end in `Ms`. */
function valueOf(name: string, value: string | number | boolean): string {
  if (typeof value !== 'number') return String(value)
  return name.endsWith('Ms') ? formatAge(value) : formatCount(value)
}
