"""What sending requests to the engine that knows how they begin does for the engines' prefix caches, and what it costs."""
