"""From a RoutingPolicy to its routers and the document that they run."""
