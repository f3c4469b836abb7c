"""Texts as vectors: by a model that the router has in it, or by an endpoint. Whoever asks gets an Embedder (embedder.py).

build.py makes the model once, when an image or a checkout is set up; at run time nothing is downloaded.
"""
