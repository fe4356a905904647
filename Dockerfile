# The image of the service, for amd64 and arm64: see docs/deployment/container.md.
# What is built and installed here is JavaScript alone, so it is done once, on the machine that builds.
FROM --platform=$BUILDPLATFORM node:24.18.0-bookworm-slim AS manifest
WORKDIR /app
COPY package.json package-lock.json ./

FROM manifest AS dependencies
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM manifest AS build
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsdown.config.ts ./
COPY src src
COPY examples examples
RUN npm run build
# Empty folders, for the volumes that are mounted there: a new volume takes over whose the folder is.
RUN mkdir -p data/backups data/output

FROM gcr.io/distroless/nodejs24-debian13:nonroot
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build --chown=65532:65532 /app/data /data
COPY package.json LICENSE ./
COPY deploy/image deploy/image
COPY --from=build /app/dist dist
ENV ENVIRONMENT=production \
    APP=/app/dist/examples/app.js \
    SERVICE_PORT=8000 \
    BACKUP_DIRECTORY=/data/backups
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/nodejs/bin/node", "/app/deploy/image/health.mjs"]
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/cli/main.js"]
CMD ["serve"]
# Last, since they change with each build.
ARG VERSION=development
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.description="Turns Redis into an event platform: publishing, consumer groups, audit trail" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
