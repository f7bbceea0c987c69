"""Thin Dagster assets and checks, one file a family: name, wiring, a service call, metadata.

What turns reports into metadata is pure and stands in `metadata`; what a run writes for its connections stands in `recording`; what its storage
may forget in `retention`.
"""
