# The controller as an image: one static binary, no shell, no root.
#
#   docker build -t sluice .
#
# Not tried where this was written: no Docker engine ran there. What to look at first should it fail: the C compiler that
# aws-lc-sys wants for musl (musl-tools below), and whether the base images' tags still exist.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake musl-tools \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The target follows the machine that builds: amd64 or arm64.
RUN target="$(uname -m)-unknown-linux-musl" \
    && rustup target add "$target" \
    && CC=musl-gcc cargo build --release --locked --package sluice --target "$target" \
    && cp "target/$target/release/sluice" /sluice

# Certificates and a user, nothing else: there is nothing to log in to.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /sluice /usr/local/bin/sluice
# Needs nothing but its socket: run it with a read-only root filesystem and no capabilities.
USER 65532:65532
# Metrics and health (wire-contract 8.1).
EXPOSE 8090 8080
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["controller"]
