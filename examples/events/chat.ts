import { counter, handle, route, stream } from 'millrace'
import { z } from 'zod'

const Person = z.string().min(1).max(100)

const ChatMessage = z
  .object({
    senderId: Person,
    receiverId: Person,
    content: z.string().min(1).max(10_000),
    roomId: z.string().min(1).max(200).optional(),
  })
  .meta({ id: 'ChatMessage', example: { senderId: 'ada', receiverId: 'grace', content: 'Hello!' } })

export const chat = stream('chat:messages', { 'message.sent': ChatMessage })

const send = route(
  'POST /api/events/chat',
  {
    summary: 'Sends a chat message',
    tag: 'Events',
    body: ChatMessage,
    idempotent: true,
    answers: { 201: z.object({ success: z.literal(true), chat: ChatMessage, messageId: z.string() }) },
  },
  async ({ body }, { publish }) => {
    const messageId = await publish(chat, 'message.sent', body, { key: conversation(body) })
    return { status: 201, body: { success: true, chat: body, messageId } }
  },
)

/** What keeps its order: a room, or what two say to each other, whoever begins. */
const conversation = ({ roomId, senderId, receiverId }: z.output<typeof ChatMessage>): string =>
  roomId ?? [senderId, receiverId].toSorted().join(' ')

export const chatMessages = counter({ name: 'chat_messages_total', help: 'Chat messages that came through.' })

export const chatConsumer = handle(
  chat,
  { group: 'chat-processing-group' },
  {
    'message.sent': ({ event: { data } }, { log }) => {
      chatMessages.inc()
      // Nobody's words belong in a log.
      log.info({ senderId: data.senderId, receiverId: data.receiverId }, 'A chat message')
    },
  },
)

export const chatRoutes = [send]
