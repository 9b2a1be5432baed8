"""The review desk: where a curator looks at what was restored and decides.

A web application over the catalog (``schemas``) and the files that it names. It reads masters and
derivatives, never changes one, and writes only new mask files and the curator's decisions. It runs no
network: what is to be redone is recorded in the catalog, and ``oldphoto redo`` does it.
"""
