"""GPTCache's own server, whose cache is given what is the same word for word: `python of_gptcache.py PORT ENGINE FOLDER`.

Runs in an environment of its own (benchmarks/rivals.py), which has nothing of ours. Its command line has no word for a cache without vectors, so that cache is
made here as its README makes it: a map in memory, and the last message as the key.
"""

from __future__ import annotations

import sys

import openai  # type: ignore[import-not-found, unused-ignore]
import uvicorn  # type: ignore[import-not-found, unused-ignore]
from gptcache import Cache, Config  # type: ignore[import-not-found]
from gptcache.manager import manager_factory  # type: ignore[import-not-found]
from gptcache.processor.pre import last_content  # type: ignore[import-not-found]
from gptcache_server import server  # type: ignore[import-not-found]


def main(port: int, engine: int, folder: str) -> None:
    """Until it is ended."""
    openai.api_base, openai.api_key = f"http://127.0.0.1:{engine}/v1", "none"
    server.openai_cache = Cache()
    server.openai_cache.init(
        pre_embedding_func=last_content,
        data_manager=manager_factory("map", data_dir=folder),
        config=Config(enable_token_counter=False),
    )
    uvicorn.run(server.app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
