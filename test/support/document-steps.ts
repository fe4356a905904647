/** What a document tells its reader to do or to expect, in its order. */
export type DocumentStep =
  /** A block of code whose first line is a comment with the name of a file: it is written. */
  | { kind: 'file'; name: string; text: string }
  /** A block of TypeScript without a name: a program that is run. */
  | { kind: 'program'; text: string }
  /** A block of shell commands. */
  | { kind: 'shell'; lines: readonly ShellLine[] }
  /** A block of text: what the last program or shell block printed, or what came in a terminal since the last one. */
  | { kind: 'output'; terminal: string | undefined; text: string }

export type ShellLine =
  /** The comment behind it may say in which terminal it stays, or that it fails. */
  | { command: string; terminal: string | undefined; fails: boolean }
  /** Ctrl-C in that terminal. */
  | { interrupt: string }

export function stepsOf(document: string): DocumentStep[] {
  const fences = [...document.matchAll(/^```(\w+) ?(.*)\n([^]*?)^```$/gm)]
  return fences.flatMap(([, language = '', about = '', text = '']) => stepsOfBlock(language, about, text))
}

function stepsOfBlock(language: string, about: string, text: string): DocumentStep[] {
  if (language === 'sh') return [{ kind: 'shell', lines: text.trim().split('\n').map(shellLine) }]
  if (language === 'text') return [{ kind: 'output', terminal: about || undefined, text }]
  const name = /^\/\/ ([\w-]+\.\w+)\n/.exec(text)?.[1]
  if (name !== undefined) return [{ kind: 'file', name, text }]
  if (language === 'ts') return [{ kind: 'program', text }]
  throw new Error(`nobody knows what to do with a block of ${language} without a file's name:\n${text}`)
}

function shellLine(line: string): ShellLine {
  const interrupt = /^# Ctrl-C in (terminal \d)$/.exec(line)?.[1]
  if (interrupt !== undefined) return { interrupt }
  const [, command = '', comment = ''] = /^(.*?)(?: +# (.*))?$/.exec(line)!
  const terminal = /^terminal \d$/.exec(comment)?.[0]
  return { command, terminal, fails: comment === 'fails' }
}
