"""Pixels and networks: decode, age, detect, restore, refine faces, train, evaluate.

Knows no Ray, Prefect, SQL or S3.
"""

__version__ = "0.1.0"
