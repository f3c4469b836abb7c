"""How we touch the world: the Kubernetes API, routers and stores. The only I/O of the control plane."""
