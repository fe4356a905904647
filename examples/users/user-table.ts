import { HttpProblem, type AppTransaction } from 'millrace'
import type { z } from 'zod'
import type { NewUser, User } from './user.ts'

/** Users are numbered in the order in which they came: pages go by that, and stay where they are. */
export const migrations = [
  {
    name: '001-users',
    sql: `CREATE TABLE users (
      number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      username text UNIQUE NOT NULL,
      email text UNIQUE NOT NULL,
      status text NOT NULL DEFAULT 'active',
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )`,
  },
]

/** Runs statements, in a transaction or without one. */
type Query = AppTransaction['query']

interface UserRow extends Omit<User, 'createdAt' | 'updatedAt'> {
  number: string
  created_at: Date
  updated_at: Date
}

const toUser = ({ id, username, email, status, created_at, updated_at }: UserRow): User => ({
  id,
  username,
  email,
  status,
  createdAt: created_at.toISOString(),
  updatedAt: updated_at.toISOString(),
})

/** @throws HttpProblem 409 naming the field that another user has */
export async function insertUser(query: Query, { username, email }: z.output<typeof NewUser>): Promise<User> {
  const { rows } = await query<UserRow>('INSERT INTO users (username, email) VALUES ($1, $2) RETURNING *', [
    username,
    email,
  ]).catch(refuseTaken)
  return toUser(rows[0]!)
}

/**
 * With a lock nobody else changes the user until the transaction ends.
 *
 * @throws HttpProblem 404
 */
export async function findUser(query: Query, id: string, lock: '' | 'FOR UPDATE' = ''): Promise<User> {
  const { rows } = await query<UserRow>(`SELECT * FROM users WHERE id = $1 ${lock}`, [id])
  if (rows[0]) return toUser(rows[0])
  throw new HttpProblem(404, `there is no user ${id}`)
}

/** @throws HttpProblem 409 naming the field that another user has */
export async function updateUser(query: Query, { id, username, email, status }: User): Promise<User> {
  const { rows } = await query<UserRow>(
    'UPDATE users SET username = $2, email = $3, status = $4, updated_at = now() WHERE id = $1 RETURNING *',
    [id, username, email, status],
  ).catch(refuseTaken)
  return toUser(rows[0]!)
}

export async function deleteUser(query: Query, id: string): Promise<void> {
  await query('DELETE FROM users WHERE id = $1', [id])
}

export interface UserPage {
  limit: number
  offset: number
  /** The number of the last user of the page before. */
  after: string
}

/** A page, the oldest first; `next` is null where it is the last one. */
export async function listUsers(query: Query, { limit, offset, after }: UserPage) {
  const [page, count] = await Promise.all([
    // One more than asked for tells whether there is another page.
    query<UserRow>('SELECT * FROM users WHERE number > $1 ORDER BY number LIMIT $2 OFFSET $3', [
      after,
      limit + 1,
      offset,
    ]),
    query<{ total: number }>('SELECT count(*)::int AS total FROM users'),
  ])
  const rows = page.rows.slice(0, limit)
  const next = page.rows.length > limit ? rows.at(-1)!.number : null
  return { users: rows.map(toUser), total: count.rows[0]!.total, next }
}

function refuseTaken(error: { constraint?: string }): never {
  const field = /^users_(username|email)_key$/.exec(error.constraint ?? '')?.[1]
  if (field === undefined) throw error
  throw new HttpProblem(409, `another user has this ${field}; choose another one`, {
    code: 'TAKEN',
    issues: [{ path: field, message: 'is taken' }],
    cause: error,
  })
}
