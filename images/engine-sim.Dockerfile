# An engine that answers like vLLM, for clusters without GPUs. `vllm` is on the PATH, so that Pods start it as they start vLLM.
FROM python:3.11-slim-bookworm
WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY e2e/engine_sim e2e/engine_sim
RUN printf '#!/bin/sh\nexec python -m e2e.engine_sim "$@"\n' > /usr/local/bin/vllm && chmod 755 /usr/local/bin/vllm
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["vllm", "serve"]
