"""Metrifly exchange sync."""
