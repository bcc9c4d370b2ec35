# An application's image with farol-agent as its first process. The last two lines are all that is added to it.
FROM python:3.13-slim
COPY --from=farol/agent:latest /usr/bin/farol-agent /usr/bin/farol-agent
ENTRYPOINT ["/usr/bin/farol-agent", "exec", "--"]
