import type { Migration } from '../migration.ts'

/**
 * The audit trail and the inbox.
 *
 * - The order of the states is that of `millrace_state`: a row only ever moves up.
 * - Positions are texts: they take 20 digits on either side of the dash, more than a bigint. Collation "C" keeps
 *   comparison cheap, and neighbours in time neighbours in the index, so that inserts touch few of its pages.
 * - `payload` is the original text. `payload_json` is there for whoever asks in SQL, where jsonb takes the text: it
 *   refuses \u0000, lone surrogates, numbers without end and nesting too deep. It takes as much room again.
 * - What is not processed has an index of its own, which costs nothing where entries are written once, as processed.
 */
export const auditTrail: Migration = {
  name: '0001-audit-trail',
  sql: String.raw`
    CREATE TYPE millrace_state AS ENUM ('pending', 'failed', 'processed');

    CREATE FUNCTION millrace_jsonb(payload text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN
        RETURN payload::jsonb;
      EXCEPTION WHEN OTHERS THEN
        RETURN NULL;
      END $$;

    CREATE TABLE millrace_audit (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      stream text COLLATE "C" NOT NULL,
      position text COLLATE "C" NOT NULL,
      fingerprint uuid NOT NULL,
      event_type text COLLATE "C" NOT NULL,
      user_id text,
      payload text NOT NULL,
      payload_json jsonb GENERATED ALWAYS AS (millrace_jsonb(payload)) STORED,
      state millrace_state NOT NULL,
      processed_at timestamptz,
      consumer text,
      error text,
      created_at timestamptz NOT NULL DEFAULT now(),
      UNIQUE (stream, position, fingerprint)
    );
    CREATE INDEX millrace_audit_by_type ON millrace_audit (event_type, id);
    CREATE INDEX millrace_audit_unprocessed ON millrace_audit (id) WHERE state <> 'processed';

    CREATE TABLE millrace_inbox (
      stream text COLLATE "C" NOT NULL,
      "group" text COLLATE "C" NOT NULL,
      position text COLLATE "C" NOT NULL,
      fingerprint uuid NOT NULL,
      processed_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (stream, "group", position, fingerprint)
    );
    CREATE INDEX millrace_inbox_by_time ON millrace_inbox USING brin (processed_at);
  `,
}
