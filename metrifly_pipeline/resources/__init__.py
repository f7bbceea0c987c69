"""Dagster config in, plain object out."""
