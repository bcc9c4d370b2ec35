# Image of farol-collector: one static program with its page inside, and the certificate authorities. Build it from the
# project's folder:
#   docker build -f packaging/docker/collector.Dockerfile -t farol/collector .
FROM node:22-bookworm-slim AS page
WORKDIR /web
COPY collector/web .
RUN npm ci --no-audit --no-fund && npm run build

FROM rust:1.95-slim-bookworm AS build
WORKDIR /farol
COPY . .
COPY --from=page /web/dist /web/dist
# Naming the target keeps the flag off build scripts; it is the machine's own, so that this builds on arm64 too.
RUN target=$(rustc -vV | sed -n 's/^host: //p') && \
    RUSTFLAGS='-C target-feature=+crt-static' FAROL_WEB_DIST=/web/dist \
    cargo build --locked --release --target "$target" -p farol-collector && \
    install -D "target/$target/release/farol-collector" /built/usr/bin/farol-collector && \
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt /built/etc/ssl/certs/ca-certificates.crt && \
    install -d -m 700 /folder

FROM scratch
COPY --from=build /built/ /
# A volume mounted here takes over this owner, so that the program may write to it.
COPY --from=build --chown=65532:65532 /folder /data
LABEL org.opencontainers.image.title="farol-collector" \
      org.opencontainers.image.description="Keeps, shows and judges what Farol's agents deliver" \
      org.opencontainers.image.source="https://github.com/farol-monitor/farol" \
      org.opencontainers.image.licenses="MIT"
USER 65532:65532
ENV FAROL_LISTEN=0.0.0.0:8650 FAROL_DATA_DIR=/data
VOLUME /data
EXPOSE 8650
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/bin/farol-collector", "health"]
ENTRYPOINT ["/usr/bin/farol-collector"]
CMD ["serve"]
