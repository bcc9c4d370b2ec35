# Image of farol-agent: one static program and the certificate authorities, nothing else. Build it from the project's folder:
#   docker build -f packaging/docker/agent.Dockerfile -t farol/agent .
FROM rust:1.95-slim-bookworm AS build
WORKDIR /farol
COPY . .
# Naming the target keeps the flag off build scripts; it is the machine's own, so that this builds on arm64 too.
RUN target=$(rustc -vV | sed -n 's/^host: //p') && \
    RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --profile agent --target "$target" -p farol-agent && \
    install -D "target/$target/agent/farol-agent" /built/usr/bin/farol-agent && \
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt /built/etc/ssl/certs/ca-certificates.crt && \
    install -d -m 1777 /built/var/lib/farol-agent

FROM scratch
# A volume mounted at /var/lib/farol-agent takes over its mode: a sidecar runs as whoever its application runs as.
COPY --from=build /built/ /
LABEL org.opencontainers.image.title="farol-agent" \
      org.opencontainers.image.description="Measures the container or machine beside it and delivers to a Farol collector" \
      org.opencontainers.image.source="https://github.com/farol-monitor/farol" \
      org.opencontainers.image.licenses="MIT"
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 CMD ["/usr/bin/farol-agent", "health"]
ENTRYPOINT ["/usr/bin/farol-agent"]
