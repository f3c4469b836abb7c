"""Texts as vectors: by a model that the router has in it, or by an endpoint. Whoever asks gets an Embedder (embedder.py).

build.py makes the model once, when an image or a checkout is set up; at run time nothing is downloaded.
"""

import os

# numpy's matrix library otherwise starts a thread for each of the node's cores when numpy is first imported, whatever the container may use, and they wait
# for one another: with other work on two cores a search among 10,000 took 3 ms of CPU and 10 on the clock instead of 0.4 and 0.4.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
