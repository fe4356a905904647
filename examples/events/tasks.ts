import { counter, handle, route, stream } from 'millrace'
import { z } from 'zod'

const Person = z.string().min(1).max(100)

const NewTask = z
  .object({
    title: z.string().min(1).max(200),
    assignedTo: Person,
    createdBy: Person,
    description: z.string().max(10_000).optional(),
    priority: z.enum(['low', 'medium', 'high']).default('medium'),
    dueDate: z.union([z.iso.datetime({ offset: true }), z.iso.date()]).optional(),
  })
  .meta({ id: 'NewTask', example: { title: 'Mend the wheel', assignedTo: 'ada', createdBy: 'grace' } })

const TaskId = z.string().min(1).max(200).meta({ example: 'b1c5a0de-3f0e-4c57-8c5e-0d3b6a5e2f11' })
const Task = NewTask.extend({ id: TaskId }).meta({ id: 'Task' })

const Completion = z
  .object({ completedBy: Person, completionNotes: z.string().max(10_000).optional() })
  .meta({ id: 'TaskCompletion', example: { completedBy: 'ada', completionNotes: 'It turns again' } })
const CompletedTask = Completion.extend({ id: TaskId }).meta({ id: 'CompletedTask' })

/** Events of one task have its id as their key, so that none is completed before it was created. */
export const tasks = stream('task:queue', { 'task.created': Task, 'task.completed': CompletedTask })

const success = z.literal(true)
const tag = 'Events'

const create = route(
  'POST /api/events/tasks',
  {
    summary: 'Creates a task',
    tag,
    body: NewTask,
    idempotent: true,
    answers: { 201: z.object({ success, task: Task, messageId: z.string() }) },
  },
  async ({ body, requestId: id }, { publish }) => {
    const task = { id, ...body }
    const messageId = await publish(tasks, 'task.created', task, { key: id })
    return { status: 201, body: { success: true, task, messageId } }
  },
)

const complete = route(
  'POST /api/events/tasks/:id/complete',
  {
    summary: 'Completes a task, wherever it was created',
    tag,
    params: z.object({ id: TaskId }),
    body: Completion,
    idempotent: true,
    answers: { 201: z.object({ success, task: CompletedTask, messageId: z.string() }) },
  },
  async ({ params: { id }, body }, { publish }) => {
    const task = { id, ...body }
    const messageId = await publish(tasks, 'task.completed', task, { key: id })
    return { status: 201, body: { success: true, task, messageId } }
  },
)

export const taskSteps = counter({ name: 'tasks_total', help: 'What became of tasks.', labels: ['step'] })

export const taskConsumer = handle(
  tasks,
  { group: 'task-processing-group' },
  {
    'task.created': ({ event }, { log }) => {
      taskSteps.inc({ step: 'created' })
      log.info({ id: event.data.id, priority: event.data.priority }, 'A task to do')
    },
    'task.completed': ({ event }, { log }) => {
      taskSteps.inc({ step: 'completed' })
      log.info({ id: event.data.id, completedBy: event.data.completedBy }, 'A task is done')
    },
  },
)

export const taskRoutes = [create, complete]
