# The operator and the routers' brain: one image, the arguments say which.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes --target /site -r requirements/runtime.txt
COPY operator/tidegate /site/tidegate

FROM python:3.11-slim-bookworm
COPY --from=build /site /site
ENV PYTHONPATH=/site PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["python", "-m", "tidegate"]
