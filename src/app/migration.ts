import type { Issue } from '../core/errors.ts'

/** A step of the tables of an app. */
export interface MigrationDeclaration {
  /** Unique in the database; a number in front shows the order, which is that of the list. */
  readonly name: string
  /** Statements that PostgreSQL runs in one transaction, so none that can't be in one (`CREATE INDEX CONCURRENTLY`). */
  readonly sql: string
}

/** What stands in a table and in messages, and may be a file's name. */
const NAME = /^[\w.-]{1,100}$/

export function migrationIssues(migrations: readonly unknown[]): Issue[] {
  return migrations.flatMap((given, index) => {
    const { name, sql } = given as Partial<Record<string, unknown>>
    const issues: Issue[] = []
    const refuse = (path: string, message: string) =>
      issues.push({ path: `migrations.${index}.${path}`, message })
    if (typeof name !== 'string' || !NAME.test(name))
      refuse('name', `must be a name such as "001-users", not ${JSON.stringify(name)}`)
    if (typeof sql !== 'string' || sql.trim() === '') refuse('sql', 'must be statements of SQL')
    return issues
  })
}
