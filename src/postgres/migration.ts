/** One step of the schema. Once released it never changes; later steps only add, so that older instances run on. */
export interface Migration {
  /** Unique; a number in front shows the order, which is that of the list. */
  readonly name: string
  /** Statements that PostgreSQL runs in one transaction. */
  readonly sql: string
}
