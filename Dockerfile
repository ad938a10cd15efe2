# Embedscope: the backend service and the dashboard in one container.
#   docker build -t embedscope .                                    CPU
#   docker build -t embedscope --build-arg VARIANT=cuda .           CUDA (run it with --gpus all)
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}

ARG VARIANT=cpu
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv

WORKDIR /app
COPY requirements.txt ./
# The CPU build of torch comes from PyTorch's own index; PyPI's build carries CUDA and several gigabytes with it.
RUN if [ "$VARIANT" = cpu ]; then \
      pip install --no-deps --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0; \
    else pip install torch==2.13.0; fi \
 && pip install -r requirements.txt

COPY app.py ./
COPY .streamlit .streamlit
COPY backend backend
COPY pages pages

RUN useradd --uid 10001 --create-home embedscope \
 && mkdir -p /cache /models && chown embedscope:embedscope /cache \
 && python -c "from pathlib import Path; from pages._kit.show.plot import provide_script; assert provide_script(Path('static'))"
USER embedscope
ENV EMBEDSCOPE_CACHE=/cache EMBEDSCOPE_HOST=0.0.0.0 EMBEDSCOPE_MODEL_ROOTS=/models HF_HOME=/cache/huggingface
VOLUME /cache
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["python", "-m", "backend", "up"]
