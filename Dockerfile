FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY magnetodb magnetodb
RUN python -m venv /opt/magnetodb \
    && /opt/magnetodb/bin/pip install --no-cache-dir -c constraints.txt '.[cassandra]'

FROM python:3.13-slim
COPY --from=build /opt/magnetodb /opt/magnetodb
RUN useradd --system --uid 8480 --no-create-home magnetodb \
    && install -d -o magnetodb -g magnetodb /data
USER magnetodb
VOLUME /data
EXPOSE 8480
# Which addresses reach the container is for `docker run -p` to say; without authentication publish it on 127.0.0.1 only.
ENV PATH=/opt/magnetodb/bin:$PATH \
    MAGNETODB_BIND_HOST=0.0.0.0 \
    MAGNETODB_DATA_DIR=/data
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD \
    ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8480/healthcheck', timeout=2)"]
ENTRYPOINT ["magnetodb-api"]
