import { readFileSync } from 'node:fs'
import type { Config, TlsFiles } from '../../config/config.ts'
import { speaksTls } from '../../config/servers.ts'
import { InvalidError, toError, type Issue } from '../../core/errors.ts'
import { tlsIssues, type TlsOptions, type TlsSource } from '../../core/tls.ts'

type Part = keyof TlsFiles

const PARTS = ['ca', 'cert', 'key'] as const

/**
 * How to speak TLS to the configured Redis; nothing to say where the URL says all of it.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every file that can't be used, by its variable
 */
export function redisTls({ redis, redisTls: files }: Config): { tls?: TlsSource } {
  return speaksTls(redis) && PARTS.some((part) => files[part] !== undefined)
    ? { tls: tlsOfFiles(files, 'REDIS_TLS') }
    : {}
}

/** The same for PostgreSQL; the embedded one speaks none. */
export const databaseTls = ({ database, databaseTls: files }: Config): { tls?: TlsSource } =>
  database && files ? { tls: tlsOfFiles(files, 'DB_TLS') } : {}

/**
 * Reads the files with each call, so that a certificate which was replaced counts for the connections from then on. What
 * can't be used by then, such as a new certificate whose key is yet to come, changes nothing.
 */
function tlsOfFiles(files: TlsFiles, variables: string): TlsSource {
  let good: TlsOptions = {}
  const reload = (): Issue[] => {
    const { options, issues } = read(files, variables)
    if (issues.length === 0) good = options
    return issues
  }
  const issues = reload()
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the files for TLS can not be used', issues)
  return () => {
    reload()
    return good
  }
}

function read(files: TlsFiles, variables: string): { options: TlsOptions; issues: Issue[] } {
  const options: TlsOptions = {}
  const unreadable: Issue[] = []
  for (const part of PARTS) {
    const path = files[part]
    if (path === undefined) continue
    try {
      options[part] = readFileSync(path)
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? toError(error).message
      const message = `holds ${JSON.stringify(path)}, which can't be read (${reason}); wanted: the path of a file (PEM)`
      unreadable.push({ path: variableOf(variables, part), message })
    }
  }
  if (unreadable.length > 0) return { options, issues: unreadable }
  return { options, issues: tlsIssues(options).map((issue) => byVariable(issue, files, variables)) }
}

/** The mistake in the words of whoever sets the variable. */
function byVariable({ path, message }: Issue, files: TlsFiles, variables: string): Issue {
  const part = path.slice(path.indexOf('.') + 1) as Part
  const file = files[part]
  const holds = file === undefined ? '' : `holds ${JSON.stringify(file)}, which `
  return { path: variableOf(variables, part), message: holds + message }
}

const variableOf = (variables: string, part: Part): string => `${variables}_${part.toUpperCase()}`
