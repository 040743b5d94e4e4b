# syntax=docker/dockerfile:1

FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE heartbeat.py logs.py metrics.py settings.py ./
COPY models models
COPY client client
COPY tasks tasks
COPY workers workers
COPY api_stub api_stub
RUN pip wheel --no-cache-dir --wheel-dir /wheels -c constraints.txt '.[tracing]'

FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A fixed number, so that a cluster can insist on a user that is not root.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jobgroups
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index /wheels/*.whl \
    && jobgroups --help > /dev/null
USER 10001
WORKDIR /tmp
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["jobgroups"]
CMD ["--help"]
