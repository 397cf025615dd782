# The image of die-operator: compiled program and production dependencies, no shell needed, not root, nothing written.
#
#   docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/die-operator:0.1.0 --push .
#
# The base brings Node, of the version that the tests run on. Another one is pinned by what `docker buildx imagetools inspect
# NAME:TAG` prints as Digest: --build-arg NODE_IMAGE=NAME:TAG@sha256:... To run on another one than to build on, which needs
# npm and a shell: RUNTIME_IMAGE.
ARG NODE_IMAGE=docker.io/library/node:26.10.0-slim@sha256:ec7758ee051e457b468b32bde57b0879010b325bb9862718e9615225ce4aaae1
ARG RUNTIME_IMAGE=${NODE_IMAGE}

# On the machine that builds, for whatever platform: nothing in the folder that it makes is for one architecture.
FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/image.ts /app

# What helper pods run where their profiles netns or capture are allowed (docs/isolation.md, docs/evidence-node.md): `--target
# helper`. The same program, with nft, with nsenter, which the base has, and with a second Node whose file has the capabilities
# of capture. For another architecture than the builder's, the builder has to emulate it.
FROM ${NODE_IMAGE} AS helper
RUN apt-get update \
  && apt-get install --yes --no-install-recommends nftables libcap2-bin \
  && mkdir -p /app/capture \
  && cp "$(command -v node)" /app/capture/node \
  && setcap cap_dac_read_search,cap_sys_ptrace=ep /app/capture/node \
  && apt-get purge --yes libcap2-bin \
  && rm -rf /var/lib/apt/lists/* \
  && nsenter --version
WORKDIR /app
COPY --from=build /app /app
ENV NODE_ENV=production
USER 65532:65532
ENTRYPOINT ["node", "/app/bin/die-operator.js"]
CMD ["run"]

FROM ${RUNTIME_IMAGE}
WORKDIR /app
COPY --from=build /app /app
ENV NODE_ENV=production
# Any number will do: no user of that name exists, and the program owns no file.
USER 65532:65532
ENTRYPOINT ["node", "/app/bin/die-operator.js"]
CMD ["run"]
