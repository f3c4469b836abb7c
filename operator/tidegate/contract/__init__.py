"""What both planes share: the operator writes it, the routers run it."""
