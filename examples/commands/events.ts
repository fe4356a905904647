import { randomUUID } from 'node:crypto'
import type { Bus } from 'millrace'
import { chat } from '../events/chat.ts'
import { logs } from '../events/logs.ts'
import { tasks } from '../events/tasks.ts'
import { users } from '../users/user.ts'

const PEOPLE = ['ada', 'grace', 'edsger', 'barbara']
const person = (n: number): string => PEOPLE[n % PEOPLE.length]!

/** One for each stream of the app. Users that nobody stored: their events alone. */
const MAKERS = [
  (bus: Bus, n: number) => {
    const [userId, username] = [randomUUID(), `${person(n)}-${n}`]
    const user = { userId, username, email: `${username}@example.com`, status: 'active' as const }
    return bus.publish(users, 'user.created', user, { key: userId })
  },
  (bus: Bus, n: number) => {
    const message = { senderId: person(n), receiverId: person(n + 1), content: `Hello, for the ${n}th time` }
    return bus.publish(chat, 'message.sent', message, { key: message.senderId })
  },
  (bus: Bus, n: number) => {
    const [id, title] = [randomUUID(), `Mend wheel ${n}`]
    const task = { id, title, assignedTo: person(n), createdBy: person(n + 2) }
    return bus.publish(tasks, 'task.created', task, { key: id })
  },
  (bus: Bus, n: number) => bus.publish(logs, 'system.info', { level: 'info', message: `Wheel ${n} turns` }),
]

/** The n-th event, of each stream in turn. Answers its position. */
export const publishSample = (bus: Bus, n: number): Promise<string> => MAKERS[n % MAKERS.length]!(bus, n)
