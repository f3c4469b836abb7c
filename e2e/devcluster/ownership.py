"""A namespace of one user cannot give files to others: for kubelet, doing so succeeds and does nothing.

kubelet hands a Pod's token to the user that the Pod runs as, and would not start the Pod when it cannot. Here every
container sees the files of its volumes as its own anyway, because its one user is mapped to ours. A seccomp filter answers
the chown family of system calls with success; https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2  # linux/prctl.h, linux/seccomp.h
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h: BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
_ALLOW, _ANSWER_ZERO = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with errno 0
_NUMBERS = {"x86_64": (92, 93, 94, 260), "aarch64": (55, 54)}
"""chown, fchown, lchown, fchownat of the machine's own system call table."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def keep() -> None:
    """From here on this process and its children change no file's owner, and are told that they did."""
    numbers = _NUMBERS[platform.machine()]
    code = _instruction(_LOAD, 0, 0, 0)
    for i, number in enumerate(numbers):
        code += _instruction(_EQUAL, len(numbers) - i, 0, number)
    code += _instruction(_RETURN, 0, 0, _ALLOW) + _instruction(_RETURN, 0, 0, _ANSWER_ZERO)
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(code) // 8, code)
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0))


def _instruction(code: int, if_true: int, if_false: int, operand: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "seccomp")
