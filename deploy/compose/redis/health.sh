#!/bin/sh
# Whether Redis takes the password and has read its files: while it loads them it answers LOADING.
set -eu
REDISCLI_AUTH=${REDIS_PASSWORD:-}
if [ -n "${REDIS_PASSWORD_FILE:-}" ]; then REDISCLI_AUTH=$(cat "$REDIS_PASSWORD_FILE"); fi
export REDISCLI_AUTH
answer=$(redis-cli -p "${REDIS_PORT:-6379}" ping)
echo "$answer"
[ "$answer" = PONG ]
