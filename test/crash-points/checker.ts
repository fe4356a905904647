import type { Facts, Stored } from './facts.ts'
import type { Line } from './journal.ts'
import {
  CROOKED,
  EVENTS,
  FAREWELL,
  GROUPS,
  IN_POSTGRES,
  invoiceOf,
  noteOf,
  NOTES,
  POISON_ATTEMPTS,
  PUBLISHED,
  REJECTING,
  SECOND_TWIN,
} from './plan.ts'

type Of<What extends Line['what']> = Extract<Line, { what: What }>

const linesOf = <What extends Line['what']>(facts: Facts, what: What): Of<What>[] =>
  facts.lines.filter((line): line is Of<What> => line.what === what)

const count = <T>(items: readonly T[], holds: (item: T) => boolean): number => items.filter(holds).length

/**
 * What is not as promised, in words. It decides from what the journal and the servers say, and ran nothing itself.
 *
 * @param atKill what they said when the process had been killed, and nothing else ran yet
 * @param end what they say when a later process has nothing left to do
 */
export function violations(atKill: Facts, end: Facts): string[] {
  return [
    ...publishing(end),
    ...plainEffects(atKill, end),
    ...order(atKill, end),
    ...attempts(atKill, end),
    ...deadLetters(end),
    ...postgresEffects(end),
    ...written(end),
    ...audit(end),
    ...remains(end),
  ]
}

/** `ok` stands where it was said to, `unknown` at most once, and with a key once when it was published again. */
function publishing(end: Facts): string[] {
  const wrong = linesOf(end, 'failed').map(({ name, reason }) => `publishing "${name}" failed: ${reason}`)
  for (const { name, keyed } of PUBLISHED) {
    const found = entriesNamed(end.orders, name)
    const oks = linesOf(end, 'ok').filter((line) => line.name === name)
    const least = keyed || oks.length > 0 ? 1 : 0
    if (found.length < least) wrong.push(`"${name}" was published, and is not in the stream`)
    if (found.length > 1) wrong.push(`"${name}" is ${found.length} times in the stream`)
    for (const { position } of oks)
      if (position !== undefined && found[0]?.position !== position)
        wrong.push(`"${name}" is not where its publisher was told`)
  }
  return wrong
}

/** Outside of PostgreSQL: once, and once more only for what was in hand at the kill. */
function plainEffects(atKill: Facts, end: Facts): string[] {
  const wrong: string[] = []
  const check = (group: string, what: string, names: readonly string[], least: number) => {
    const done = count(linesOf(end, 'effect'), (line) => line.group === group && names.includes(line.name))
    const inHand = atKill.pending.some(
      (one) => one.group === group && one.name !== undefined && names.includes(one.name),
    )
    if (done < least) wrong.push(`"${what}" had no effect in ${group}`)
    if (done > (inHand ? 2 : 1))
      wrong.push(
        `"${what}" had ${done} effects in ${group}, and was ${inHand ? '' : 'not '}in hand at the kill`,
      )
  }
  const twins = PUBLISHED.filter(({ id }) => id === SECOND_TWIN.id).map(({ name }) => name)
  check('plain', 'twin', twins, 1)
  for (const { name, type } of present(end)) {
    if (!twins.includes(name)) check('plain', name, [name], type === 'poison' ? 0 : 1)
    check('ordered', name, [name], 1)
    check('readers', noteOf(name), [noteOf(name)], 1)
  }
  for (const name of NOTES) check('readers', name, [name], 1)
  return wrong
}

/** The events of a key end in the order of the stream: in each process, and none before the first that was in hand. */
function order(atKill: Facts, end: Facts): string[] {
  const wrong: string[] = []
  const places = new Map(end.orders.map(({ name }, place) => [name, place]))
  const keys = new Map(EVENTS.map(({ name, key }) => [name, key]))
  for (const lines of [end.lines.slice(0, atKill.lines.length), end.lines.slice(atKill.lines.length)]) {
    const last = new Map<string, string>()
    for (const { name } of effectsIn(lines, 'ordered')) {
      const key = keys.get(name)
      if (key === undefined) continue
      const before = last.get(key)
      if (before !== undefined && places.get(before)! >= places.get(name)!)
        wrong.push(`"${name}" came after "${before}" in the group that keeps the order`)
      last.set(key, name)
    }
  }
  return wrong
}

const effectsIn = (lines: readonly Line[], group: string): Of<'effect'>[] =>
  lines.filter((line): line is Of<'effect'> => line.what === 'effect' && line.group === group)

/**
 * A poison event is given up after its attempts, each of which is a start of its handler; a death can cost one that was
 * charged and did not begin. What is rejected starts once, and once more where the process died before it was settled.
 */
function attempts(atKill: Facts, end: Facts): string[] {
  const wrong: string[] = []
  const starts = (facts: Facts, group: string, name: string) =>
    count(linesOf(facts, 'start'), (line) => line.group === group && line.name === name && !line.copy)
  const pendingCount = (group: string, name: string) =>
    atKill.pending.find((one) => one.group === group && one.name === name && !one.copy)?.count
  const charged = pendingCount('plain', 'poison')
  const cost = charged === undefined ? 0 : charged - starts(atKill, 'plain', 'poison')
  if (cost < 0 || cost > 1) wrong.push(`the kill cost the poison ${cost} attempts`)
  const poisoned = starts(end, 'plain', 'poison')
  if (poisoned !== POISON_ATTEMPTS - cost)
    wrong.push(`the poison was started ${poisoned} times, and the kill cost ${cost} attempts`)
  for (const group of REJECTING) {
    const died = pendingCount(group, 'reject') !== undefined && starts(atKill, group, 'reject') > 0
    const rejected = starts(end, group, 'reject')
    if (rejected !== (died ? 2 : 1)) wrong.push(`"reject" was started ${rejected} times in ${group}`)
  }
  return wrong
}

/** The poison, and what nobody can decode, once for each group that met it. Nothing else. */
function deadLetters(end: Facts): string[] {
  const found = end.letters.map(({ fields, name }) => {
    const [group, error, starts] = ['group', 'error', 'attempts'].map((field) =>
      fields.get(`deadletter-${field}`),
    )
    return name === 'poison' ? `${group} poison after ${starts}` : `${group} ${error} ${name ?? ''}`.trim()
  })
  const wanted = [
    `plain poison after ${POISON_ATTEMPTS}`,
    ...GROUPS.map((group) => `${group} EVENT_UNDECODABLE`),
  ]
  return difference('dead letter', wanted, found)
}

/** With the inbox: each effect exactly once. */
function postgresEffects(end: Facts): string[] {
  const wanted = IN_POSTGRES.flatMap((group) => present(end).map(({ name }) => `${group} ${name}`))
  return difference(
    'effect in PostgreSQL',
    wanted,
    end.effects.map(({ group, name }) => `${group} ${name}`),
  )
}

/** What was produced and what went through the outbox: once, and the events of a key in their order. */
function written(end: Facts): string[] {
  const makers = present(end).filter(({ type }) => type === 'maker')
  const notes = [...NOTES, ...present(end).map(({ name }) => noteOf(name))]
  const ordered = namesOf(end.notices).filter((name) => NOTES.includes(name))
  return [
    ...difference('invoice', [FAREWELL, ...makers.map(({ name }) => invoiceOf(name))], namesOf(end.invoices)),
    ...difference('note', notes, namesOf(end.notices)),
    ...difference('crooked note', [CROOKED], namesOf(end.crooked)),
    ...(ordered.join() === NOTES.join() ? [] : [`the notes of one key came as ${ordered.join(', ')}`]),
    ...(end.outbox === 0 ? [] : [`${end.outbox} rows are left in the outbox`]),
  ]
}

/** One row for each entry: failed for what the main group gave up, processed for the rest. */
function audit(end: Facts): string[] {
  const wrong: string[] = []
  for (const { position, name = 'broken' } of end.orders) {
    const rows = end.audit.filter((row) => row.position === position)
    if (rows.length !== 1) wrong.push(`"${name}" has ${rows.length} rows in the audit trail`)
    const wanted = name === 'poison' || name === 'broken' ? 'failed' : 'processed'
    if (rows[0] && rows[0].state !== wanted)
      wrong.push(`the audit trail says that "${name}" is ${rows[0].state}`)
  }
  return wrong
}

const remains = (end: Facts): string[] => [
  ...(linesOf(end, 'end').length > 0 ? [] : ['the scenario did not come to its end']),
  ...end.pending.map(({ group, name }) => `"${name}" is pending in ${group}`),
  ...end.consumers.map((name) => `the consumer ${name} is left`),
  ...end.leftovers.map((key) => `the key ${key} is left`),
]

/** What can be decoded and is in the stream: an event without a key whose publisher died may not be. */
const present = (end: Facts) => EVENTS.filter(({ name }) => entriesNamed(end.orders, name).length > 0)

const entriesNamed = (entries: readonly Stored[], wanted: string): Stored[] =>
  entries.filter(({ name }) => name === wanted)

const namesOf = (entries: readonly Stored[]): string[] => entries.map(({ name }) => name ?? 'no name')

/** What is wanted once each, against what is there. */
function difference(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  const all = new Set([...wanted, ...found])
  return [...all].flatMap((one) => {
    const [should, is] = [count(wanted, (each) => each === one), count(found, (each) => each === one)]
    return should === is ? [] : [`${what} "${one}": ${is} where there should be ${should}`]
  })
}
