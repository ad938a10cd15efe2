# Embedscope: the backend service and the dashboard in one container (docs/deployment.md).
#   docker build -t embedscope .                                    CPU
#   docker build -t embedscope --build-arg VARIANT=cuda .           CUDA (run it with --gpus all)
#   docker run -p 127.0.0.1:8501:8501 -e EMBEDSCOPE_OPEN=1 embedscope     this machine only, without a login (docs/login.md has one)
# For a build that is the same in a year, name the base by its digest: --build-arg BASE=python:3.11-slim-bookworm@sha256:...
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS packages
ARG VARIANT=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv
COPY requirements.txt ./
# The CPU build of torch comes from PyTorch's own index; PyPI's build carries CUDA and several gigabytes with it.
RUN if [ "$VARIANT" = cpu ]; then \
      pip install --no-deps --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0; \
    else pip install torch==2.13.0; fi \
 && pip install -r requirements.txt
# Nothing is compiled where the container runs. What is compiled here is not compared with its sources, whose times a copy may change;
# torch brings a file for a later Python, which cannot be compiled.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib || true

FROM ${BASE}
# Whatever is written goes below /cache or /tmp: the rest of the file system may be read-only. What numba compiles for UMAP is
# kept, in the volume, or every start would compile it again.
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH \
    EMBEDSCOPE_CACHE=/cache EMBEDSCOPE_HOST=0.0.0.0 EMBEDSCOPE_MODEL_ROOTS=/models EMBEDSCOPE_WARM=1 \
    HF_HOME=/cache/huggingface NUMBA_CACHE_DIR=/cache/numba
RUN useradd --uid 10001 --create-home embedscope \
 && mkdir -p /cache /models && chown embedscope:embedscope /cache && chmod 700 /cache
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY app.py ./
COPY .streamlit/config.toml .streamlit/config.toml
COPY backend backend
COPY pages pages
RUN python -c "from pathlib import Path; from pages._kit.show.plot import provide_script; assert provide_script(Path('static'))"
RUN python -m compileall -q --invalidation-mode unchecked-hash app.py backend pages && chmod -R a+rX /app
USER embedscope
VOLUME /cache
EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=15s --start-period=90s --retries=3 CMD ["python", "-m", "backend", "healthy"]
CMD ["python", "-m", "backend", "up"]
