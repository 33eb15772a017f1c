# syntax=docker/dockerfile:1

# The image of doorward: the binary, the four libraries that it is linked with, CA roots, and nothing else.
# For a build that can be repeated, give RUST_IMAGE with a digest.
ARG RUST_IMAGE=docker.io/library/rust:1.95-slim-bookworm

# --- what the dependencies are built from: manifests and the lock, every source file of ours empty
FROM ${RUST_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN deploy/image/manifests /manifests

# --- the binary
FROM ${RUST_IMAGE} AS build
ARG PROFILE=dist
# `cargo auditable build` keeps the list of crates in the binary; it must be installed in RUST_IMAGE.
ARG CARGO_BUILD="cargo build"
WORKDIR /src
# The same files give the same layer: the next one is built anew only when a manifest or the lock changes.
COPY --from=manifests /manifests .
RUN ${CARGO_BUILD} --profile "${PROFILE}" --locked --no-default-features --bin doorward
COPY . .
# Cargo goes by times, and a checkout is older than what was built from the empty files.
RUN find . -name '*.rs' -not -path './target/*' -exec touch {} + \
    && ${CARGO_BUILD} --profile "${PROFILE}" --locked --no-default-features --bin doorward \
    && deploy/image/rootfs "target/${PROFILE}/doorward" /image

# --- the image
FROM scratch
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=https://github.com/contoso/doorward
LABEL org.opencontainers.image.title="doorward" \
      org.opencontainers.image.description="Opens an Azure Container Registry's firewall for those you own, for a while, and closes it again" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /image/root /
# A fresh named volume takes its owner and mode from here.
COPY --from=build --chown=65532:65532 /image/state/ /var/lib/
ENV PATH=/usr/local/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# `policies/` in the configuration is then /etc/doorward/policies.
WORKDIR /etc/doorward
VOLUME ["/var/lib/doorward"]
EXPOSE 8080
# Asks /readyz. Images in OCI's own format carry no health check: Kubernetes and Azure ask over HTTP anyway.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["doorward", "health"]
ENTRYPOINT ["/usr/local/bin/doorward"]
CMD ["serve", "--config", "/etc/doorward/doorward.yaml"]
