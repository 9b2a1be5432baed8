"""Prefect flows: each reads as the story of one job, and only the command line imports them."""
