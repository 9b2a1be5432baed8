"""The SQL catalog: which photos there are, what is to be done, what was done, and what a curator should see.

Open one with :meth:`schemas.repository.Catalog.open`; records in and out are in :mod:`schemas.records`.
Knows no network, no engine and no object store.
"""
