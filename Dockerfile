# The image of die-operator: compiled program and production dependencies, no shell needed, not root, nothing written.
#
# The base image brings Node, so the optional dependencies that carry one for other installations are left out. Pin it
# by digest in your build, e.g. with what `docker buildx imagetools inspect node:26-slim` prints as Digest:
#   docker build --build-arg NODE_IMAGE=node:26-slim@sha256:... -t die-operator .
ARG NODE_IMAGE=node:26-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The compiler is an optional dependency of typescript, so none are left out here.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN node scripts/build.ts
# The API server inside the process is for trying things out; a cluster's operator has no use for one.
RUN rm -rf dist/embedded dist/commands/demo dist/commands/demo.js

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --omit=optional --no-audit --no-fund

FROM ${NODE_IMAGE}
WORKDIR /app
COPY --from=dependencies /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY bin bin
COPY crds crds
COPY package.json LICENSE ./
ENV NODE_ENV=production
# Any number will do: no user of that name exists, and the program owns no file.
USER 65532:65532
ENTRYPOINT ["node", "/app/bin/die-operator.js"]
CMD ["run"]
