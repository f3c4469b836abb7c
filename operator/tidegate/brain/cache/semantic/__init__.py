"""Answers to questions that are similar (L3). Needs numpy: who imports this has looked whether `tidegate[semantic]` is installed.

a body ─▶ namespace ─▶ embedding ─▶ index ─▶ guards ─▶ a key          semantic.py puts it together
                                      ▲
          other routers' vectors ── travel                            quality.py: how often that was wrong
"""

import tidegate.embedding  # noqa: F401 - before numpy, which starts its threads when it is imported
