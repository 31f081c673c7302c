# The server in a container: not root, a read-only root file system if wished, everything pinned. See docs/deploy.md.
#
#   docker build --build-arg TORCH_INDEX=<index of PyTorch's CPU wheels> -t dataeval-ui .
#
# Without TORCH_INDEX, PyTorch comes with its CUDA libraries, by hash: some 5 GB more, of which the CPU uses nothing.
FROM python:3.11-slim AS build
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /venv
COPY docker/requirements.txt docker/requirements-torch.txt docker/
RUN /venv/bin/pip install --no-deps --require-hashes -r docker/requirements.txt
RUN if [ -n "$TORCH_INDEX" ]; then \
        /venv/bin/pip install --no-deps --index-url "$TORCH_INDEX" \
            $(sed -nE 's/^((torch|torchvision)==[^ ]+).*/\1/p' docker/requirements-torch.txt); \
    else \
        /venv/bin/pip install --no-deps --require-hashes -r docker/requirements-torch.txt; \
    fi
COPY pyproject.toml README.md LICENSE ./
COPY assets assets
COPY dataeval_ui dataeval_ui
# hatchling is the one thing that builds the wheel, and it does not stay
RUN pip wheel --no-deps --wheel-dir /wheels . && /venv/bin/pip install --no-deps --no-index /wheels/*.whl

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --home-dir /home/reviewer reviewer && install -d -o reviewer -g reviewer /workspace
COPY --from=build /venv /venv
USER 10001
# HOME lies where a read-only root lets caches be written
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    DATAEVAL_UI_WORKSPACE=/workspace DATAEVAL_UI_DATA_ROOTS=/data DATAEVAL_UI_HOST=0.0.0.0 DATAEVAL_UI_OFFLINE=1
WORKDIR /workspace
VOLUME /workspace
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/api/health', timeout=4)"]
ENTRYPOINT ["dataeval-ui"]
CMD ["serve", "--no-browser"]
