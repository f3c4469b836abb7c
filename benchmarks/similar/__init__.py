"""Answers to similar questions: how often they are right and wrong by the rule, what they cost, and how soon wrong ones are noticed."""

import tidegate.embedding  # noqa: F401 - before numpy, as in a router
