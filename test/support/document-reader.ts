import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { vi } from 'vitest'
import type { DocumentStep, ShellLine } from './document-steps.ts'
import { expectOutput } from './loose-output.ts'
import { Terminal } from './terminal.ts'

const ROOT = join(import.meta.dirname, '../..')
const ENGINES = join(ROOT, '.millrace/engines')
/** What a reader installs, and the commands that come with it. */
const PACKAGES = ['zod', 'tsx', 'typescript', '@types/node']
const COMMANDS = { millrace: 'millrace/dist/cli/main.js', tsx: 'tsx/dist/cli.mjs', tsc: 'typescript/bin/tsc' }

/** Far longer than anything takes, and short of a test's limit, to say what was missing. */
const PATIENCE_MS = 30_000

export interface ReaderOptions {
  env?: NodeJS.ProcessEnv
  /** What stands in the document, and what it is here: addresses of servers. */
  places?: Readonly<Record<string, string>>
}

/** Does what a document says, in an empty folder, and compares what comes of it with what the document shows. */
export class DocumentReader {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-reader-'))
  readonly #options: ReaderOptions
  readonly #terminals = new Map<string, Terminal>()
  #programs = 0
  #printed = ''

  constructor(options: ReaderOptions = {}) {
    this.#options = options
  }

  /** Answers how many times the document shows what came. Fails where something else came. */
  async follow(steps: readonly DocumentStep[]): Promise<number> {
    for (const step of steps) await this.#take(step)
    return steps.filter(({ kind }) => kind === 'output').length
  }

  async #take(step: DocumentStep): Promise<void> {
    switch (step.kind) {
      case 'file':
        return this.write(step.name, step.text)
      case 'program':
        return this.#runProgram(step.text)
      case 'shell':
        this.#printed = ''
        for (const line of step.lines) await this.#enter(line)
        return
      case 'output':
        return this.#compare(step.terminal, step.text)
    }
  }

  async #enter(line: ShellLine): Promise<void> {
    if ('interrupt' in line) return this.#terminals.get(line.interrupt)!.interrupt()
    if (line.terminal === undefined) return this.#run(line.command, line.fails)
    // As at a keyboard, what runs in that terminal has to be ended first.
    await this.#terminals.get(line.terminal)?.interrupt()
    this.#terminals.set(line.terminal, new Terminal(line.command, this.folder, this.#env))
  }

  /** Writes a file of the document, with the addresses of here. */
  write(name: string, text: string): void {
    let here = text
    for (const [place, address] of Object.entries(this.#options.places ?? {}))
      here = here.replaceAll(place, address)
    writeFileSync(join(this.folder, name), here)
  }

  async #runProgram(text: string): Promise<void> {
    const name = `program-${++this.#programs}.ts`
    this.write(name, text)
    this.#printed = ''
    await this.#run(`node_modules/.bin/tsx ${name}`)
  }

  async #run(command: string, fails = false): Promise<void> {
    // Packages are not fetched, which would be others than these: they are put where npm would put them.
    if (command.startsWith('npm install')) return this.install()
    const options = { cwd: this.folder, env: this.#env, timeout: PATIENCE_MS }
    const { failed, printed } = await new Promise<{ failed: boolean; printed: string }>((resolve) => {
      // Both outputs in one, as in a terminal.
      execFile('/bin/sh', ['-c', `exec 2>&1; ${command}`], options, (error, output) =>
        resolve({ failed: error !== null, printed: output }),
      )
    })
    if (failed !== fails) throw new Error(`${command} ${failed ? 'failed' : 'did not fail'}:\n${printed}`)
    this.#printed += printed
  }

  /** Puts the packages of this project, as they are here, where npm would put them. */
  install(): void {
    this.#link(ROOT, 'node_modules/millrace')
    for (const name of PACKAGES) this.#link(join(ROOT, 'node_modules', name), `node_modules/${name}`)
    for (const [name, file] of Object.entries(COMMANDS)) this.#link(`../${file}`, `node_modules/.bin/${name}`)
    // What had to be fetched for other tests need not be fetched again.
    mkdirSync(ENGINES, { recursive: true })
    this.#link(ENGINES, '.millrace/engines')
  }

  #link(target: string, name: string): void {
    const link = join(this.folder, name)
    mkdirSync(dirname(link), { recursive: true })
    rmSync(link, { force: true })
    symlinkSync(target, link)
  }

  async #compare(name: string | undefined, shown: string): Promise<void> {
    if (name === undefined) return expectOutput(this.#printed, shown)
    const terminal = this.#terminals.get(name)!
    await vi.waitFor(() => expectOutput(terminal.unseen, shown), { timeout: PATIENCE_MS, interval: 20 })
    terminal.see()
  }

  get #env(): NodeJS.ProcessEnv {
    const { PATH, HOME } = process.env
    // What npm has to say of this machine is not what the document is about.
    const npm = {
      npm_config_loglevel: 'error',
      npm_config_update_notifier: 'false',
      npm_config_offline: 'true',
    }
    return { PATH, HOME, ...npm, ...this.#options.env }
  }

  /** Ends what still runs, and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.#terminals.values()].map((terminal) => terminal.interrupt()))
    rmSync(this.folder, { recursive: true, force: true })
  }
}
