# One image for every role: which one a container has, ROLES says (docs/operations.md). What is in it, .dockerignore says.

FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# What comes along for machines without Node 24 or a Postgres is optional, and stays out. Nothing needs an install script.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24.21.0-bookworm-slim
# tini collects what an ended sandbox leaves behind, which would stay a zombie under Node: one for each run. npm is no one's here.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /opt/yarn-* \
    /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
  && install --directory --owner=1000 --group=1000 /data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
# Readable for that user, whatever umask they were checked out under.
COPY --chmod=755 . .
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8600 DATA_DIR=/data
# By number, so that a platform that asks for a user who is not root can see it.
USER 1000:1000
VOLUME /data
EXPOSE 8600
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "scripts/health.mjs", "/healthz"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "scripts/launch.mjs", "scripts/start.ts"]
