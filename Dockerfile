# Any image with Python 3.10 or later and pip; name it by digest where builds must be the same.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
COPY deploy/requirements.txt /tmp/requirements.txt
# pip installs from outside, so that the environment has none; no build backend is needed either.
RUN python -m venv --without-pip /opt/exporter \
 && python -m pip --python /opt/exporter/bin/python install \
    --no-cache-dir --no-compile --only-binary :all: --require-hashes -r /tmp/requirements.txt
COPY exporter /tmp/exporter
# Compiled here, for a read-only root cannot keep what Python compiles at the start; but for the
# parts of SQLAlchemy that nothing here loads.
RUN cp -r /tmp/exporter "$(/opt/exporter/bin/python -c 'import site; print(site.getsitepackages()[0])')" \
 && /opt/exporter/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
    -x '/sqlalchemy/(ext|orm|testing|dialects/(mssql|mysql|oracle))/' /opt/exporter/lib \
 && mkdir /tmp/ledger

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="airflow-perf-exporter" \
      org.opencontainers.image.description="Prometheus exporter for Apache Airflow: every finished try counted exactly once" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/exporter /opt/exporter
# A new volume that is mounted here belongs to whom this belongs to.
COPY --from=build --chown=65532:65532 /tmp/ledger /var/lib/airflow-perf-exporter
ENV PATH=/opt/exporter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /
EXPOSE 10112
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-I", "-m", "exporter.probe"]
ENTRYPOINT ["python", "-I", "-m", "exporter"]
CMD ["serve"]
