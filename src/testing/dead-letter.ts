import type { Entry, Membership, Outcome } from '../core/stream-log.ts'

type DeadLetterOutcome = Extract<Outcome, { kind: 'dead-letter' }>

/**
 * The fields of an entry's copy among the dead letters: its own as they are, who it is wherever it goes from here,
 * and why it is there. Of an entry that was trimmed meanwhile only the latter is left.
 */
export function deadLetterFields(
  entry: Entry | undefined,
  { position, attempts, letter }: DeadLetterOutcome,
  { stream, group, consumer }: Membership,
): string[] {
  const why = {
    'deadletter-stream': stream,
    'deadletter-position': position,
    'deadletter-group': group,
    'deadletter-consumer': consumer,
    'deadletter-attempts': String(attempts),
    'deadletter-error': letter.error,
    'deadletter-reason': letter.reason,
    'deadletter-time': new Date().toISOString(),
  }
  const own = entry ? [...entry.fields, ...identityOf(entry, stream)] : []
  return [...own, ...Object.entries(why).flat()]
}

/** What Millrace wrote keeps its `id` and `source`; the entries of others are copied as they are. */
function identityOf({ fields, position }: Entry, stream: string): string[] {
  const names = new Set(fields.filter((_, index) => index % 2 === 0))
  if (!names.has('type') || !names.has('data')) return []
  return [...(names.has('id') ? [] : ['id', position]), ...(names.has('source') ? [] : ['source', stream])]
}
