"""Answers that are given again: what two requests must share, where answers are kept, and how they are given."""
