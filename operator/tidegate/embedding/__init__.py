"""Texts as vectors: by a model that the router has in it, or by an endpoint. Whoever asks gets an Embedder (embedder.py).

build.py makes the model once, when an image or a checkout is set up; at run time nothing is downloaded.
"""

import os

# numpy's matrix library otherwise starts a thread for each of the node's cores when numpy is first imported, whatever the container may use.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
