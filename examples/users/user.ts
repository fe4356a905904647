import { stream } from 'millrace'
import { z } from 'zod'

/** In small letters, as PostgreSQL writes it: events are found by it as well. */
export const UserId = z.uuid().toLowerCase().meta({ example: '6f6e5a0c-1f0e-4c57-8c5e-0d3b6a5e2f11' })

const Username = z
  .string()
  .regex(/^[\w.-]{1,50}$/, 'must be 1 to 50 letters, digits and _ . -')
  .meta({ example: 'ada' })
/** In small letters, so that nobody signs up twice by typing another one. */
const Email = z.email().max(254).toLowerCase().meta({ example: 'ada@example.com' })
const Status = z.enum(['active', 'inactive', 'suspended'])
const Time = z.iso.datetime()

export const NewUser = z
  .object({ username: Username, email: Email })
  .meta({ id: 'NewUser', example: { username: 'ada', email: 'ada@example.com' } })

export const UserChange = z
  .object({ username: Username, email: Email, status: Status })
  .partial()
  .meta({ id: 'UserChange', example: { status: 'suspended' } })

export const User = z
  .object({
    id: UserId,
    username: Username,
    email: Email,
    status: Status,
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({
    id: 'User',
    example: {
      id: '6f6e5a0c-1f0e-4c57-8c5e-0d3b6a5e2f11',
      username: 'ada',
      email: 'ada@example.com',
      status: 'active',
      createdAt: '2026-01-28T10:00:00.000Z',
      updatedAt: '2026-01-28T10:00:00.000Z',
    },
  })
export type User = z.output<typeof User>

/** By field. */
export const Changes = z
  .record(z.string(), z.object({ from: z.string(), to: z.string() }))
  .meta({ example: { status: { from: 'active', to: 'suspended' } } })
export type Changes = z.output<typeof Changes>

/** By its `userId` the audit trail finds what concerns a user. */
const userId = UserId

/** Events of one user have the user's id as their key, so that they keep their order. */
export const users = stream('user:events', {
  'user.created': z.object({ userId, username: Username, email: Email, status: Status }),
  'user.updated': z.object({ userId, changes: Changes }),
  'user.deleted': z.object({ userId, username: Username }),
})

/** What whoever changes a user may set; a change of it is told by its name. */
const FIELDS = ['username', 'email', 'status'] as const

export const changesBetween = (before: User, after: User): Changes =>
  Object.fromEntries(
    FIELDS.filter((field) => before[field] !== after[field]).map((field) => [
      field,
      { from: before[field], to: after[field] },
    ]),
  )
