# syntax=docker/dockerfile:1

# Build and run on the same Debian, so that the binary finds the glibc it was linked with. The binary
# needs libc, libm and libgcc_s and nothing else: too much for `scratch`, all there in distroless `cc`.
# For a build that can be repeated, pin both images by digest.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# The C compiler that this image brings is enough for the bundled SQLite and for aws-lc.
COPY . .

# The caches outlive the layer: after a change of one source file only doorward itself is compiled.
# What is built inside a cache is not part of the image, hence the copy.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin doorward \
    && install -D target/release/doorward /out/usr/local/bin/doorward \
    && install -d -m 0750 /out/var/lib/doorward \
    && install -d /out/etc/doorward

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/usr/local/bin/doorward /usr/local/bin/doorward
COPY --from=build /out/etc/doorward /etc/doorward
# The image's user `nonroot`; a fresh named volume takes its owner and mode from here.
COPY --from=build --chown=65532:65532 /out/var/lib/doorward /var/lib/doorward

# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# `policies/` in the configuration is then /etc/doorward/policies.
WORKDIR /etc/doorward
VOLUME ["/var/lib/doorward"]
EXPOSE 8080

# Whoever runs containers in Azure asks over HTTP: GET /healthz (alive) and GET /readyz (ready). There is no shell or
# curl in here, so the binary asks itself.
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s CMD ["/usr/local/bin/doorward", "health"]
ENTRYPOINT ["/usr/local/bin/doorward"]
CMD ["serve", "--config", "/etc/doorward/doorward.yaml"]
