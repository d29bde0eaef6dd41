# syntax=docker/dockerfile:1

FROM python:3.13-slim-trixie AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    # One processor model and its name on every machine: compiled kernels are found again where the image runs.
    NUMBA_CPU_NAME=generic \
    NUMBA_CPU_FEATURES= \
    NUMBA_NUM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    PATH=/opt/bayescaler/venv/bin:$PATH

FROM base AS build
ARG UV_VERSION=0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/bayescaler/venv
RUN pip install --no-cache-dir "uv==${UV_VERSION}"
WORKDIR /src
# Dependencies first: they change less often than the code.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --no-install-project
COPY README.md LICENSE ./
COPY operator operator
COPY forecasting forecasting
RUN uv sync --frozen --no-default-groups --no-editable
# uv leaves a file there that anybody may write to.
RUN rm -f "$UV_PROJECT_ENVIRONMENT/.lock"
# Kernels compiled once here, not at each start; the chart copies them to where numba may write.
RUN NUMBA_CACHE_DIR=/opt/bayescaler/kernels python -c "from bayescaler.policy import warm_up; warm_up()" \
    && test -n "$(find /opt/bayescaler/kernels -name '*.nbc')"

FROM base
LABEL org.opencontainers.image.title="Bayescaler" \
      org.opencontainers.image.description="Sizes workloads from the quantiles of an online Bayesian load forecast" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.url="https://bayescaler.dev"
COPY --from=build /opt/bayescaler /opt/bayescaler
# Without the chart's volume the kernels are compiled anew, into a folder any user may write to.
ENV NUMBA_CACHE_DIR=/tmp/bayescaler \
    HOME=/tmp
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["bayescaler"]
CMD ["run"]
