/** What the engine is told to do, in the words of a Dockerfile that ours use; whatever else stands there is a mistake. */
export interface Stage {
  readonly name: string
  /** An image, or the name of a stage before it. */
  readonly from: string
  readonly steps: readonly Step[]
}

export type Step =
  | { kind: 'arg'; name: string; value: string }
  | { kind: 'copy'; stage: string | undefined; owner: string | undefined; from: string[]; to: string }
  | { kind: 'run'; command: string }
  | { kind: 'set'; word: 'env' | 'label'; values: Readonly<Record<string, string>> }
  | { kind: 'say'; word: 'workdir' | 'user' | 'expose' | 'stopsignal'; value: string }
  | { kind: 'exec'; word: 'entrypoint' | 'cmd' | 'healthcheck'; command: string[]; options: Options }

export type Options = Readonly<Record<string, string>>

const LINE_BREAK = /\\\n(?:\s*#.*\n)*/g

/** @throws Error that names the line which is not understood */
export function parseDockerfile(text: string): Stage[] {
  const lines = text
    .replace(LINE_BREAK, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const stages: { name: string; from: string; steps: Step[] }[] = []
  for (const line of lines) {
    const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    const last = stages.at(-1)
    if (word === 'FROM') stages.push({ ...stageOf(rest), steps: [] })
    else if (last) last.steps.push(stepOf(word, rest))
    else throw notUnderstood(line)
  }
  return stages
}

function stageOf(rest: string): { name: string; from: string } {
  const { options, text } = takeOptions(rest, ['platform'])
  const [, from, name = 'final'] = /^(\S+)(?: AS (\S+))?$/.exec(text) ?? []
  if (!from || (options['platform'] ?? '$BUILDPLATFORM') !== '$BUILDPLATFORM')
    throw notUnderstood(`FROM ${rest}`)
  return { from, name }
}

function stepOf(word: string, rest: string): Step {
  switch (word) {
    case 'ARG':
      return argument(rest)
    case 'COPY':
      return copy(rest)
    case 'RUN':
      return { kind: 'run', command: takeOptions(rest, ['mount']).text }
    case 'ENV':
    case 'LABEL':
      return { kind: 'set', word: word === 'ENV' ? 'env' : 'label', values: assignments(rest) }
    case 'WORKDIR':
    case 'USER':
    case 'EXPOSE':
    case 'STOPSIGNAL':
      return { kind: 'say', word: word.toLowerCase() as 'workdir', value: rest }
    case 'ENTRYPOINT':
    case 'CMD':
      return {
        kind: 'exec',
        word: word === 'CMD' ? 'cmd' : 'entrypoint',
        command: execForm(rest),
        options: {},
      }
    case 'HEALTHCHECK':
      return healthCheck(rest)
    default:
      throw notUnderstood(`${word} ${rest}`)
  }
}

function argument(rest: string): Step {
  const [, name = '', value = ''] = /^(\w+)=(\S+)$/.exec(rest) ?? []
  if (!name) throw notUnderstood(`ARG ${rest}`)
  return { kind: 'arg', name, value }
}

function copy(rest: string): Step {
  const { options, text } = takeOptions(rest, ['from', 'chown'])
  const from = text.split(/\s+/)
  const to = from.pop()
  if (!to || from.length === 0 || /[*?[\]"]/.test(text)) throw notUnderstood(`COPY ${rest}`)
  return { kind: 'copy', stage: options['from'], owner: options['chown'], from, to }
}

function healthCheck(rest: string): Step {
  const { options, text } = takeOptions(rest, ['interval', 'timeout', 'start-period', 'retries'])
  if (!text.startsWith('CMD ')) throw notUnderstood(`HEALTHCHECK ${rest}`)
  return { kind: 'exec', word: 'healthcheck', command: execForm(text.slice('CMD '.length)), options }
}

/** There is no shell in the image, so nothing may need one. */
function execForm(text: string): string[] {
  if (!text.startsWith('[')) throw notUnderstood(text)
  return JSON.parse(text) as string[]
}

function assignments(text: string): Record<string, string> {
  const found = [...text.matchAll(/([\w.]+)=("[^"]*"|\S+)\s*/g)]
  if (found.map(([all]) => all).join('') !== text) throw notUnderstood(text)
  return Object.fromEntries(found.map(([, name = '', value = '']) => [name, value.replaceAll('"', '')]))
}

function takeOptions(rest: string, known: readonly string[]): { options: Options; text: string } {
  const [, flags = '', text = ''] = /^((?:--\S+\s+)*)(.*)$/.exec(rest)!
  const pairs = flags.split(/\s+/).filter(Boolean)
  const options = Object.fromEntries(pairs.map((pair) => /^--([\w-]+)=(.*)$/.exec(pair)!.slice(1, 3)))
  const strange = Object.keys(options).find((name) => !known.includes(name))
  if (strange) throw notUnderstood(`--${strange} in ${rest}`)
  return { options, text }
}

const notUnderstood = (line: string): Error => new Error(`nobody knows how to carry this out here: ${line}`)
