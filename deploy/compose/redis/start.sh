#!/bin/sh
# Starts Redis with the password of REDIS_PASSWORD or of the file REDIS_PASSWORD_FILE. It is handed over on stdin, since
# everybody may read the command line of a process.
set -eu

password=${REDIS_PASSWORD:-}
if [ -n "${REDIS_PASSWORD_FILE:-}" ]; then password=$(cat "$REDIS_PASSWORD_FILE"); fi
if [ -z "$password" ]; then
  echo 'REDIS_PASSWORD or REDIS_PASSWORD_FILE has to give a password' >&2
  exit 1
fi

escaped=$(printf '%s' "$password" | sed 's/[\\"]/\\&/g')
exec redis-server "$@" - <<END
requirepass "$escaped"
END
