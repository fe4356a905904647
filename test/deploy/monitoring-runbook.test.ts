import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { OBJECTIVES } from '../../deploy/monitoring/build/rules/objectives.ts'
import { anchorOf } from '../../deploy/monitoring/build/runbook.ts'
import { createProgram } from '../../src/cli/program.ts'
import { VERDICTS } from '../../src/core/explain.ts'
import { CapturedIo } from '../support/captured-io.ts'
import { commandsIn } from '../support/document-commands.ts'
import { useOnce } from '../support/use.ts'
import { alerts, DASHBOARDS } from './monitoring-kit.ts'

const FILE = join(import.meta.dirname, '../../docs/runbook.md')
const text = readFileSync(FILE, 'utf8')
const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!))
const sections = new Map(
  text
    .split(/^#{2,3} /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
)

describe('each section says what it means, how to look, how to mend it, and what not to do', () => {
  it.each([...alerts.map(({ alert }) => alert), ...VERDICTS])('%s', (name) => {
    const section = sections.get(name) ?? ''
    const parts = [...section.matchAll(/^\*\*(\w+)\.\*\*\s/gm)].map(([, part]) => part)
    expect(parts).toEqual(['Means', 'Look', 'Mend', 'Not'])
    const look = section.slice(section.indexOf('**Look.**'), section.indexOf('**Mend.**'))
    expect(commandsIn(look).length).toBeGreaterThan(0)
  })

  it('and none is left of an alert or a verdict that there is not', () => {
    const known = new Set<string>([...alerts.map(({ alert }) => alert), ...VERDICTS])
    const others = [...text.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading!)
    expect(others.filter((heading) => !known.has(heading))).toEqual([])
  })
})

describe('what leads to the runbook', () => {
  it('are anchors that no two sections share', () => {
    expect(new Set(anchors).size).toBe(anchors.length)
  })

  it.each(alerts)('the alert $alert leads to its own section', ({ alert, annotations }) => {
    expect(annotations!['runbook_url']).toBe(`docs/runbook.md#${anchorOf(alert)}`)
    expect(anchors).toContain(anchorOf(alert))
  })

  it.each(DASHBOARDS)('the panels of $title lead to sections that there are', ({ panels }) => {
    const urls = panels.flatMap(({ links = [] }) => links.map(({ url }) => url))
    const wrong = urls.filter((url) => !anchors.some((anchor) => url === `\${runbook}#${anchor}`))
    expect(urls.length).toBeGreaterThan(0)
    expect(wrong).toEqual([])
  })

  it('within the document and beyond, links lead somewhere', () => {
    const targets = [...text.replaceAll(/\s+/g, ' ').matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target!)
    const lost = targets.filter((target) => {
      const [file, anchor] = target.split('#') as [string, string?]
      if (file === '') return !anchors.includes(anchor!)
      return !existsSync(join(dirname(FILE), file))
    })
    expect(lost).toEqual([])
  })
})

describe('docs/deployment/monitoring.md', () => {
  const page = readFileSync(join(dirname(FILE), 'deployment/monitoring.md'), 'utf8')

  it('names every objective', () => {
    const named = new Set([...page.matchAll(/`(\w+)`/g)].map(([, name]) => name))
    expect(Object.keys(OBJECTIVES).filter((name) => !named.has(name))).toEqual([])
  })

  it('leads to files and sections that there are', () => {
    const targets = [...page.matchAll(/\]\(([^)#]+)(?:#([^)]+))?\)/g)]
    expect(targets.length).toBeGreaterThan(2)
    for (const [, file, anchor] of targets) {
      expect(existsSync(join(dirname(FILE), 'deployment', file!))).toBe(true)
      expect([undefined, ...anchors]).toContain(anchor)
    }
  })

  it('names every file of deploy/monitoring that is loaded', () => {
    const shipped = [
      ...DASHBOARDS.map(({ uid }) => `dashboards/${uid.replace('millrace-', '')}.json`),
      'rules/millrace.yml',
    ]
    expect(shipped.filter((file) => !page.includes(`\`${file}\``))).toEqual([])
  })
})

describe('the commands of the runbook', () => {
  const io = useOnce(
    async () => new CapturedIo(),
    async (it) => it.remove(),
  )
  const inBlocks = commandsIn(text)
  const inProse = commandsIn(
    [...text.matchAll(/(?<!`)`(millrace [^`]+)`/g)]
      .map(([, line]) => `\`\`\`sh\n${line!.replaceAll(/\s+/g, ' ')}\n\`\`\``)
      .join('\n'),
  )
  const ours = [...inBlocks, ...inProse]
    .filter(([program]) => program === 'millrace')
    .map((words) => words.slice(1))
  const lines = [...new Map(ours.map((words) => [words.join(' '), words]))]

  it('are many, and of no other program than these', () => {
    expect(lines.length).toBeGreaterThan(40)
    expect([...new Set(inBlocks.map(([program]) => program))].toSorted()).toEqual([
      'curl',
      'millrace',
      'redis-cli',
    ])
  })

  it.each(lines)('millrace %s is one, with these names and options', (_, words) => {
    const [command, rest] = commandOf(
      createProgram(io, () => {}),
      words,
    )
    const { operands, unknown } = command.parseOptions([...rest])
    expect(unknown).toEqual([])
    const wanted = command.registeredArguments
    expect(operands.length).toBeGreaterThanOrEqual(wanted.filter(({ required }) => required).length)
    const most = wanted.some(({ variadic }) => variadic) ? Infinity : wanted.length
    expect(operands.length).toBeLessThanOrEqual(most)
  })
})

/** The command that the words name, and the words behind its name. */
function commandOf(program: Command, words: readonly string[]): [Command, readonly string[]] {
  const [name, ...rest] = words
  const found = program.commands.find((one) => one.name() === name)
  if (found) return commandOf(found, rest)
  if (!program.parent) throw new Error(`there is no command ${words.join(' ')}`)
  return [program, words]
}
