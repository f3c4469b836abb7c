# The operator and the routers' brain: one image, the arguments say which. It carries Envoy's native filters.
FROM rust:1.90-slim-bookworm AS native
COPY native /native
RUN cargo build --release --locked --manifest-path /native/Cargo.toml

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes --target /site -r requirements/runtime.txt
COPY operator/tidegate /site/tidegate
COPY --from=native /native/target/release/libtidegate.so /site/tidegate/native/

FROM python:3.11-slim-bookworm
COPY --from=build /site /site
ENV PYTHONPATH=/site PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["python", "-m", "tidegate"]
